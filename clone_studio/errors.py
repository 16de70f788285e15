"""The one error tree. Every error knows what a user may read, its HTTP status and whether to retry.

StudioError
├── InvalidInput 422            a value the user can correct
│   ├── TooLarge 413
│   └── Unsupported 415
├── NotSignedIn 401
├── NotFound 404                absent and forbidden look alike
├── Conflict 409
│   ├── AlreadyThere 409        the same content is in this clone
│   └── Collision 409           two changes came at the same moment
├── TooManyRequests 429
├── DocumentError 422           a document that cannot become knowledge (see its `code`)
├── BackupError 422             a backup that cannot be made or restored
├── NewerDatabase 503           a later version of the program has changed the database
└── ProviderError 502           an outside service failed
    ├── ProviderDown 503        unreachable, overloaded
    ├── ProviderTimeout 504
    ├── ProviderQuota 402       no credit left: retrying does not help
    ├── ProviderRefused 502     wrong key, unknown model, request not accepted
    │   └── VoiceMissing 502    the speech engine does not have the voice
    ├── ProviderInterrupted 502 the stream broke after it had begun
    └── ModelMissing 503        a local model that has not been fetched
"""


class StudioError(Exception):
    """Base of all errors that the studio raises on purpose.

    Args:
        detail: One or two sentences for the user: what happened, why, what to do.
        code: Stable machine name of the case; defaults to the class's own.
    """

    title = "Something went wrong"
    status = 500
    retryable = False
    code = "internal"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class InvalidInput(StudioError):
    """A value the user can correct; `field` names it where there is one."""

    title = "Please check what you entered"
    status = 422
    code = "invalid_input"

    def __init__(self, detail: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.field = field


class TooLarge(InvalidInput):
    """More bytes or characters than the limit."""

    title = "Too large"
    status = 413
    code = "too_large"


class Unsupported(InvalidInput):
    """A kind of file or value that the studio does not handle."""

    title = "Not supported"
    status = 415
    code = "unsupported"


class NotSignedIn(StudioError):
    """No valid session, token or password."""

    title = "Please sign in"
    status = 401
    code = "not_signed_in"


class NotFound(StudioError):
    """Absent, or owned by somebody else: both look the same on purpose."""

    title = "Not found"
    status = 404
    code = "not_found"


class Conflict(StudioError):
    """The change collides with what is stored now."""

    title = "Already changed"
    status = 409
    code = "conflict"


class AlreadyThere(Conflict):
    """The same content was uploaded to this clone before; `existing_id` is that file."""

    title = "Already there"
    code = "already_there"

    def __init__(self, detail: str, *, existing_id: str) -> None:
        super().__init__(detail)
        self.existing_id = existing_id


class Collision(Conflict):
    """Two changes came at the same moment, and this is the one that was not made."""

    retryable = True
    code = "collision"


class TooManyRequests(StudioError):
    """A rate limit was reached; `retry_after` is in seconds."""

    title = "Too many attempts"
    status = 429
    retryable = True
    code = "too_many_requests"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class DocumentError(StudioError):
    """A document that cannot become knowledge.

    `code` is one of: missing, unreadable, unsupported, wrong_type, encrypted, corrupted,
    no_text, encoding, too_large, time_out, embedding_service.
    """

    title = "This file could not be read"
    status = 422
    code = "unreadable"


class BackupError(StudioError):
    """A backup cannot be made, or what is given as one cannot be restored."""

    title = "The backup cannot be used"
    status = 422
    code = "backup"


class NewerDatabase(StudioError):
    """The database has a schema that this version of the program does not know."""

    title = "The database is newer than the program"
    status = 503
    code = "newer_database"


class ProviderError(StudioError):
    """An outside service failed."""

    title = "A service did not answer as expected"
    status = 502
    retryable = True
    code = "provider"


class ProviderDown(ProviderError):
    """The service cannot be reached or is overloaded."""

    title = "A service cannot be reached"
    status = 503
    code = "provider_down"


class ProviderTimeout(ProviderError):
    """The service did not answer in time."""

    title = "A service took too long"
    status = 504
    code = "provider_timeout"


class ProviderQuota(ProviderError):
    """No credit left at the service: only its owner can mend that."""

    title = "No credit left"
    status = 402
    retryable = False
    code = "provider_quota"


class ProviderRefused(ProviderError):
    """Wrong key, unknown model or a request the service does not accept."""

    title = "A service refused the request"
    retryable = False
    code = "provider_refused"


class VoiceMissing(ProviderRefused):
    """The speech engine does not have the voice, or not any more."""

    title = "A voice is missing"
    code = "voice_missing"


class ProviderInterrupted(ProviderError):
    """The stream broke after it had begun; what arrived is kept."""

    title = "The answer was cut off"
    code = "provider_interrupted"


class ModelMissing(ProviderError):
    """A local model is not on this machine yet."""

    title = "A local model is missing"
    status = 503
    retryable = False
    code = "model_missing"
