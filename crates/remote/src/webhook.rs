//! A message to a person's own address, in the form of ntfy: the text is the
//! body, the rest stands in headers. Many other receivers take it as it is.
//!
//! Source: ntfy documentation, "Publishing": `Title`, `Priority`, `Tags`,
//! `Click`; a header that is not ASCII is encoded as RFC 2047 says.

use base64::Engine as _;

use crate::Agent;
use host::Secret;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub title: String,
    /// The text.
    pub text: String,
    /// 1 to 5; 3 is usual.
    pub priority: u8,
    /// A word that receivers may show as a picture.
    pub tag: &'static str,
    /// Where the person reads more.
    pub link: Option<String>,
}

/// Sends a message, once. The address is a secret, since whoever knows it may
/// write there: nothing that is returned has it.
///
/// # Errors
/// Why it was not taken, in one line.
pub fn post(agent: &Agent, address: &Secret, message: &Message) -> Result<(), String> {
    let priority = message.priority.to_string();
    let title = header(&message.title);
    let mut request = agent
        .secure
        .post(address.expose())
        .header("content-type", "text/plain; charset=utf-8")
        .header("title", &title)
        .header("priority", &priority)
        .header("tags", message.tag);
    if let Some(link) = &message.link {
        request = request.header("click", header(link));
    }
    // A redirect would be followed as a GET, and look as if it was taken.
    let request = request.config().max_redirects(0).build();
    let reply = request
        .send(message.text.as_bytes())
        .map_err(|error| reason(&error).to_owned())?;
    match reply.status().as_u16() {
        200..300 => Ok(()),
        status => Err(format!("it answered HTTP {status}")),
    }
}

/// The library's own message is not used: it may contain the address.
fn reason(error: &ureq::Error) -> &'static str {
    use ureq::Error as E;
    match error {
        E::BadUri(_) | E::Http(_) => "its address is not a URL",
        E::HostNotFound => "there is no such host",
        E::Timeout(_) => "it did not answer in time",
        E::Rustls(_) | E::Tls(_) => "TLS does not agree with it",
        _ => "it could not be reached",
    }
}

/// A value that a header may have, of HTTP or of a letter: RFC 2047 where it is more than ASCII.
pub fn header(text: &str) -> String {
    let text = host::one_line(text);
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text;
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    format!("=?UTF-8?B?{encoded}?=")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::loopback::{Loopback, Reply};

    fn message() -> Message {
        Message {
            title: "build: Größe\r\nX-Evil: 1".to_owned(),
            text: "what to do".to_owned(),
            priority: 4,
            tag: "warning",
            link: Some("https://github.com/o/r/issues/1".to_owned()),
        }
    }

    #[test]
    fn a_message_is_ntfys_and_its_address_is_in_no_error() {
        let server = Loopback::start(|request| match request.path.as_str() {
            "/topic" => Reply::new(200, "application/json", "{}"),
            "/moved" => Reply::new(302, "text/plain", "").with("location", "/topic"),
            _ => Reply::new(403, "text/plain", request.path.clone()),
        })
        .unwrap();
        let agent = Agent::new(Limits::default());
        let send = |path: &str| {
            let address = Secret::new(format!("http://{}/{path}", server.address()));
            post(&agent, &address, &message())
        };
        assert_eq!(send("topic"), Ok(()));
        assert_eq!(send("hunter2"), Err("it answered HTTP 403".to_owned()));
        assert_eq!(send("moved"), Err("it answered HTTP 302".to_owned()));
        let seen = server.seen();
        assert_eq!(seen.len(), 3, "one request each, and no redirect followed");
        let said = |name: &str| seen[0].header(name).unwrap().to_owned();
        assert_eq!(seen[0].method, "POST");
        assert_eq!(seen[0].body, b"what to do");
        assert_eq!(
            (said("priority"), said("tags")),
            ("4".into(), "warning".into())
        );
        assert_eq!(said("click"), "https://github.com/o/r/issues/1");
        assert_eq!(said("title"), header("build: Größe X-Evil: 1"));
        assert!(seen[0].header("x-evil").is_none());
        for address in ["hunter2", "http://127.0.0.1:1/hunter2", "http://[/hunter2"] {
            let error = post(&agent, &Secret::new(address), &message()).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
