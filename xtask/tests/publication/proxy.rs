//! Between the program and the registry, so that a test can do something at an
//! exact point of what the program asks.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;

use remote::loopback::{Loopback, Reply, Request};

use super::sandbox::Sandbox;

pub struct Proxy {
    _server: Loopback,
    conf: PathBuf,
}

impl Proxy {
    /// Everything goes on to the registry; `before` and `after` hear of each
    /// request, as `METHOD PATH`.
    pub fn start(
        sandbox: &Sandbox,
        before: impl Fn(&str) + Send + Sync + 'static,
        after: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let to = sandbox.address().to_owned();
        let server = Loopback::start(move |request| {
            let line = format!("{} {}", request.method, request.path);
            before(&line);
            let reply = forward(&to, request);
            after(&line);
            reply
        })
        .unwrap();
        let text = sandbox.read("registries.conf");
        let own = server.address().to_string();
        sandbox.write("proxied.conf", &text.replace(sandbox.address(), &own));
        let conf = sandbox.path("proxied.conf");
        // The engine goes its own way: it sends what the proxy does not read.
        let direct = sandbox.path("registries.conf");
        let own_way = format!(
            "export CONTAINERS_REGISTRIES_CONF={}\nset -- \"${{@//{own}/{}}}\"",
            direct.display(),
            sandbox.address()
        );
        sandbox.write("hook", &own_way);
        Self {
            _server: server,
            conf,
        }
    }

    /// Where the program finds the registry.
    pub fn environment(&self) -> (&'static str, PathBuf) {
        ("CONTAINERS_REGISTRIES_CONF", self.conf.clone())
    }
}

fn forward(to: &str, request: &Request) -> Reply {
    let mut stream = TcpStream::connect(to).unwrap();
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        if name != "connection" {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str("connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&request.body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut reply = Reply::new(status.parse().unwrap(), "", &answer[end + 4..]);
    reply.headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let named = |name: &str| reply.headers.iter().any(|(key, _)| key == name);
    assert!(!named("transfer-encoding"), "{head}");
    reply
        .headers
        .retain(|(name, _)| name != "content-length" && name != "connection");
    reply
}
