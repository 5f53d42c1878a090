//! The credentials and tokens that registries see with each request, kept for
//! the next request.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use host::Secret;
use oci_client::secrets::RegistryAuth;

use crate::Credential;

/// What a registry wants to see with each request.
#[derive(Clone)]
pub(crate) enum Authorization {
    Nothing,
    Basic(Credential),
    Bearer(Secret),
}

impl Authorization {
    pub(crate) fn header(&self) -> Option<Secret> {
        match self {
            Self::Nothing => None,
            Self::Basic(who) => Some(basic(who)),
            Self::Bearer(token) => Some(Secret::new(format!("Bearer {}", token.expose()))),
        }
    }

    /// The same for `oci-client`.
    pub(crate) fn for_client(&self) -> RegistryAuth {
        match self {
            Self::Nothing => RegistryAuth::Anonymous,
            Self::Basic(who) => {
                RegistryAuth::Basic(who.user.clone(), who.password.expose().to_owned())
            }
            Self::Bearer(token) => RegistryAuth::Bearer(token.expose().to_owned()),
        }
    }
}

/// The header of a user name and a password.
pub(crate) fn basic(who: &Credential) -> Secret {
    let pair = format!("{}:{}", who.user, who.password.expose());
    Secret::new(format!("Basic {}", BASE64.encode(pair)))
}

/// Authorizations for reading, by repository and scheme. One for writing is asked for
/// each time: it is used rarely, and mostly long after the last.
#[derive(Default)]
pub(crate) struct Authorizations {
    authorizations: Mutex<HashMap<(String, bool), Authorization>>,
    /// How a registry answers its first request, by the URL of its `/v2/`: its
    /// bearer challenge, or `None` where it asks nothing of anonymous clients. No
    /// secret, and good for every repository there.
    pub(crate) challenges: Mutex<BTreeMap<String, Option<String>>>,
}

/// Takes the lock, also if a thread panicked while it held it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}

impl Authorizations {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<(String, bool), Authorization>> {
        locked(&self.authorizations)
    }
}
