//! A small published file, fetched whole and unchanged.

use registry_compat::Trouble;

use crate::{Agent, Error};

/// The bytes of a URL; `None` where the server says that there is nothing.
///
/// # Errors
/// [`Error::Unknown`] if it could not be asked.
pub fn bytes(agent: &Agent, url: &str) -> Result<Option<Vec<u8>>, Error> {
    let reply = agent.get(url, &[], None)?;
    match reply.status {
        200 => Ok(Some(reply.body)),
        404 | 410 => Ok(None),
        status => Err(Error::unknown(
            Trouble::Garbled,
            format!("{url}: HTTP {status}"),
        )),
    }
}
