"""The Mascot studio's side of Operator API v1: what an operator calls to make players, sessions and demos, and the launch page.

Written from the protocol document alone; it shares no code with the operator's client. In reality `/v1/` stands behind mutual
TLS, where the client certificate names the operator; here it is plain HTTP on the operator's own machine. `/v1/signed/` is
as in reality: four headers, checked, and answers signed with the request's own nonce and timestamp.

    routes.py    HTTP: the two addresses, faults               launch_routes.py  HTTP: the game's page, spins, pictures, scripts
    door.py      who calls: subject, time, signature, nonce    desk.py           everything of one process, put together
    rpc.py       JSON-RPC 2.0: reading calls, writing answers  methods.py        the methods; params.py their parameters
    store.py     what is remembered, in a file of its own      launched.py       a launched session: balance, spins, rollbacks
    calls.py     a launched session's callbacks                lessons.py        misbehaviour of a spin on purpose
    games.py     the list of games                             page.py           the HTML of the launch page; its scripts: assets/
    faults.py    misbehaviour of the API on demand
"""
