use super::*;
use std::sync::mpsc::{Receiver, channel};

const KIND: &str = "application/vnd.coreos.ignition+json";

fn server() -> (Server, Receiver<Served>) {
    let page = |kind, text: &str| Page {
        kind,
        bytes: text.as_bytes().to_vec(),
        tag: format!("sha256-{text}"),
    };
    let pages = BTreeMap::from([
        (
            "/index.html".to_owned(),
            page("text/html; charset=utf-8", "<html>"),
        ),
        ("/nas.ign".to_owned(), page(KIND, "0123456789")),
    ]);
    let (log, seen) = channel();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    (Bound::to(address).unwrap().serve(pages, log), seen)
}

/// Head and body of the answer to a request as it is.
fn ask(server: &Server, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    // A server that refuses a request may close before it is all read.
    let _ = stream.read_to_string(&mut text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), body.to_owned())
}

fn get(server: &Server, path: &str, header: &str) -> (String, String) {
    ask(
        server,
        &format!("GET {path} HTTP/1.1\r\nhost: x\r\n{header}\r\n"),
    )
}

#[test]
fn files_and_their_heads() {
    let (server, seen) = server();
    let (head, body) = get(&server, "/nas.ign?x=1", "User-Agent: Ignition/2.14\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains(&format!("\r\ncontent-type: {KIND}\r\n")),
        "{head}"
    );
    assert!(head.contains("\r\ncontent-length: 10\r\n"), "{head}");
    assert_eq!(body, "0123456789");
    let served = seen.recv().unwrap();
    assert_eq!(
        (served.status, served.bytes, served.agent.as_str()),
        (200, 10, "Ignition/2.14")
    );
    let (alone, body) = ask(&server, "HEAD /nas.ign HTTP/1.1\r\n\r\n");
    assert_eq!((alone, body.as_str()), (head, ""));
    let (head, body) = get(&server, "/", "");
    assert!(head.contains("text/html; charset=utf-8"), "{head}");
    assert_eq!(body, "<html>");
}

#[test]
fn parts() {
    let (server, _seen) = server();
    for (asked, status, range, body) in [
        ("bytes=2-4", "206", "bytes 2-4/10", "234"),
        ("bytes=7-", "206", "bytes 7-9/10", "789"),
        ("bytes=-3", "206", "bytes 7-9/10", "789"),
        ("bytes=0-99", "206", "bytes 0-9/10", "0123456789"),
        ("bytes=-99", "206", "bytes 0-9/10", "0123456789"),
        ("bytes=10-", "416", "bytes */10", "There is no such part.\n"),
        ("bytes=-0", "416", "bytes */10", "There is no such part.\n"),
        (
            "bytes=99999999999999999999-",
            "416",
            "bytes */10",
            "There is no such part.\n",
        ),
        ("bytes=4-2", "200", "", "0123456789"),
        ("bytes=0-1,3-4", "200", "", "0123456789"),
        ("lines=0-1", "200", "", "0123456789"),
    ] {
        let (head, found) = get(&server, "/nas.ign", &format!("Range: {asked}\r\n"));
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{asked}: {head}"
        );
        assert_eq!(
            head.contains("content-range: "),
            !range.is_empty(),
            "{asked}: {head}"
        );
        assert!(head.contains(range), "{asked}: {head}");
        assert_eq!(found, body, "{asked}");
    }
    let changed = get(
        &server,
        "/nas.ign",
        "Range: bytes=0-1\r\nIf-Range: \"old\"\r\n",
    );
    assert_eq!(changed.1, "0123456789");
    let known = get(
        &server,
        "/nas.ign",
        "If-None-Match: \"sha256-0123456789\"\r\n",
    );
    assert!(known.0.starts_with("HTTP/1.1 304 "), "{}", known.0);
    assert_eq!(known.1, "");
}

#[test]
fn nothing_else_is_there() {
    let (server, seen) = server();
    for path in [
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/nas.ign/",
        "nas.ign",
        "/.git/config",
    ] {
        let (head, body) = get(&server, path, "");
        assert!(head.starts_with("HTTP/1.1 404 "), "{path}: {head}");
        assert_eq!(body, "There is no such file here.\n");
        assert_eq!(seen.recv().unwrap().path, path);
    }
    let (head, _) = ask(&server, "DELETE /nas.ign HTTP/1.1\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 405 ") && head.contains("allow: GET, HEAD"),
        "{head}"
    );
    for nonsense in ["x\r\n\r\n", "GET / x\r\n\r\n", "GET  /\r\n\r\n"] {
        let (head, _) = ask(&server, nonsense);
        assert!(head.starts_with("HTTP/1.1 400 "), "{nonsense}: {head}");
    }
    let long = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(16 * 1024));
    let (head, _) = ask(&server, &long[..16 * 1024]);
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
}

#[test]
fn an_address_that_can_be_typed() {
    let bound = Bound::to(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    assert_eq!(bound.url(), format!("http://{}", bound.address));
    let taken = Bound::to(bound.address).unwrap_err().to_string();
    assert!(taken.contains(&bound.address.to_string()), "{taken}");
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let url = Bound::to(everywhere).unwrap().url();
    assert!(!url.contains("0.0.0.0"), "{url}");
}
