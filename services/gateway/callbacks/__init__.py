"""The callbacks listener: a provider's request is verified, parsed, asked of the wallet and answered.

Way in: `app.CallbacksApp._answer` is the whole road in one function.
"""
