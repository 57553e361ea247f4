"""The doctor: broken requests with the diagnosis that the protocol leads one to expect."""
