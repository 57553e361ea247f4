import asyncio, json, msgspec, time
from tests.integration.test_simulator_stack import *
from tests.integration.test_simulator_stack import stack  # fixture
import pytest
async def test_long(stack, tmp_path):
    async with provider(stack, tmp_path) as at:
        for seed in (11,12):
            c=time.process_time(); t=time.time()
            r=await Play(at.studio, Plan(players=16, rounds=1500, rollback_share=0.4, retry_share=0.4, seed=seed)).run()
            print(json.dumps(msgspec.to_builtins(r)));print(stack.processes.log_file("wallet").read_text()[-3000:]) if not r.callbacks else 0;print("cpu", (time.process_time()-c)/r.callbacks*1e6)
            t=time.time(); c=await at.compare(); print(c, time.time()-t)
            assert c.agree and not r.problems
    async with provider(stack, tmp_path) as at:
        running = Play(at.studio, Plan(players=16, rounds=2000, rollback_share=0.2, retry_share=0.3, seed=5, settle_s=60))
        task = asyncio.ensure_future(running.run())
        for part in ("wallet","gateway","wallet"):
            await asyncio.sleep(2)
            stack.processes.kill(part); stack.start(part)
            await asyncio.to_thread(stack.wait_ready, part)
        r=await asyncio.wait_for(task, 200)
        print(json.dumps(msgspec.to_builtins(r)))
        c=await at.compare(); print(c)
        assert c.agree and not r.problems
