//! The time at which something is deleted or brought back.

use host::env;
use retention::Timestamp;

pub(super) fn now() -> Result<Timestamp, cleanup::Error> {
    let seconds = i64::try_from(env::epoch_seconds()).ok();
    seconds
        .filter(|seconds| *seconds > 0)
        .and_then(Timestamp::from_unix_seconds)
        .ok_or_else(|| cleanup::Error::Usage("this machine's clock says nothing".to_owned()))
}
