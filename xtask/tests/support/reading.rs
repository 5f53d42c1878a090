//! The registries, as this library reads them.

use std::path::Path;

use remote::{Agent, AuthFiles, Limits, Registries, RegistriesConf};

/// Those of a `registries.conf`, with the logins of `auth`.
pub fn registries(conf: &Path, auth: AuthFiles) -> Registries {
    let limits = Limits::default();
    Registries::new(
        Agent::new(limits),
        RegistriesConf::load(Some(conf), None, Path::new("/nonexistent")).unwrap(),
        auth,
        Box::new(|_, _| Ok(None)),
        limits,
    )
    .unwrap()
}
