//! What one run may repeat, all who ask in it together.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry_compat::{Answer, Trouble};
use remote::loopback::{Loopback, Reply};
use remote::{Agent, Allowance, AuthFiles, Registries, RegistriesConf, Retries, Tries};

use super::support::calm;

#[test]
fn an_outage_is_waited_out_once() {
    let server = Loopback::start(|_| Reply::new(503, "text/plain", "busy")).unwrap();
    let pauses: Arc<Mutex<u32>> = Arc::default();
    let count = Arc::clone(&pauses);
    let waiter = move |_: Duration| {
        *count.lock().unwrap() += 1;
        Ok(())
    };
    let allowance = Allowance {
        repeats: 3,
        ..Allowance::default()
    };
    let retries = Retries::new(allowance, Tries::default(), 1, Box::new(waiter));
    let agent = Agent::sharing(calm(), Arc::new(retries));
    let conf = RegistriesConf::default();
    let helper = Box::new(|_: &str, _: &str| Ok(None));
    let auth = AuthFiles::default();
    let registries = Registries::new(agent.clone(), conf, auth, helper, calm()).unwrap();
    let url = format!("http://{}/a", server.address());
    // Two attempts each: three repeats are for three requests.
    for number in 1..=5 {
        let error = remote::fetch::bytes(&agent, &url).unwrap_err().to_string();
        let spent = error.contains("this run has waited enough");
        assert_eq!(spent, number > 3, "{number}: {error}");
    }
    assert_eq!(*pauses.lock().unwrap(), 3);
    assert_eq!(server.seen().len(), 2 * 3 + 2);
    // The registries of the run draw on the same.
    assert_eq!(registries.agent().retries().tries(), Tries::default());
    let image = format!("{}/a/b:c", server.address()).parse().unwrap();
    let Answer::Unknown(why) = registries.digest(&image) else {
        panic!("it is busy");
    };
    // It speaks no TLS, and nobody has called it insecure.
    assert_eq!(why.trouble, Trouble::Unreachable);
    assert!(why.detail.contains("waited enough"), "{why}");
    assert_eq!(*pauses.lock().unwrap(), 3);
}
