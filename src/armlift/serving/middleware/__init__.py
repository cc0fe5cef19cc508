"""What stands between the server and the routes: small ASGI applications around one another.

`Doorkeeper` sees every request first: host, origin, size, log, metrics. `Admission` stands before the routes
that need a scope: API key and rate limit.
"""

from armlift.serving.middleware.admission import ANYBODY, Admission, Door, Keyring, caller_of
from armlift.serving.middleware.doorkeeper import Doorkeeper

__all__ = ["ANYBODY", "Admission", "Door", "Doorkeeper", "Keyring", "caller_of"]
