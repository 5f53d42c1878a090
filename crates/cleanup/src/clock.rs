//! The time at which something is deleted or brought back.

use host::env;
use retention::Timestamp;

use crate::error::Error;

pub(crate) fn now() -> Result<Timestamp, Error> {
    let seconds = i64::try_from(env::epoch_seconds()).ok();
    seconds
        .filter(|seconds| *seconds > 0)
        .and_then(Timestamp::from_unix_seconds)
        .ok_or_else(|| Error::Usage("this machine's clock says nothing".to_owned()))
}
