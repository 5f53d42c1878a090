//! A small server of files that are held in memory: for an installation on the
//! local network, where a machine fetches one file once.
//!
//! One thread for each connection, one request for each connection, GET and
//! HEAD, ranges. It knows no paths of the disk, so none can be asked for.
#![expect(
    clippy::disallowed_methods,
    reason = "the network door listens for installations"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use crate::Error;

/// Longest request, and how long a client may take for it and for reading.
const LONGEST_REQUEST: u64 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections at the same time; more are closed at once.
const MOST: usize = 64;

/// A file to serve.
#[derive(Debug, Clone)]
pub struct Page {
    /// `content-type`.
    pub kind: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
    /// What names this content and no other: its digest.
    pub tag: String,
}

/// One request that was answered, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Who asked.
    pub client: IpAddr,
    /// `GET`, `HEAD`, …; as sent.
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of its body.
    pub bytes: usize,
    /// `User-Agent`, as sent.
    pub agent: String,
}

/// An address that is listened on, before anything is answered.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Listens; port 0 takes a free one.
    ///
    /// # Errors
    /// [`Error::Listen`] if the address cannot be listened on.
    pub fn to(address: SocketAddr) -> Result<Self, Error> {
        let wrong = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        Ok(Self { listener, address })
    }

    /// Where others reach it: `http://ADDRESS:PORT`. For one that listens
    /// everywhere, the address of this machine on its way to the rest of the
    /// world.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(outward().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        }
        format!("http://{address}")
    }

    /// Answers with `pages`, by their path (`/nas.ign`). Each answer is told
    /// to `log`.
    pub fn serve(self, pages: BTreeMap<String, Page>, log: Sender<Served>) -> Server {
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, pages) = (Arc::clone(&stop), Arc::new(pages));
        let open = Arc::new(AtomicUsize::new(0));
        let listener = self.listener;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (pages, log, open) = (Arc::clone(&pages), log.clone(), Arc::clone(&open));
                if open.fetch_add(1, Ordering::Relaxed) >= MOST {
                    open.fetch_sub(1, Ordering::Relaxed);
                    continue;
                }
                thread::spawn(move || {
                    // A client that goes away is no concern of the server.
                    drop(answer(stream, &pages, &log));
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Server {
            address: self.address,
            stop,
        }
    }
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        // Wakes the listener, so that the port is free again.
        drop(TcpStream::connect_timeout(&address, Duration::from_secs(1)));
    }
}

/// This machine's address in its network. Connecting a datagram socket sends
/// nothing; it only makes the system choose a way. The address is one that is
/// kept for documentation (RFC 5737).
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// What was asked, as far as it matters.
#[derive(Debug, Default)]
struct Request {
    method: String,
    path: String,
    range: Option<String>,
    if_range: Option<String>,
    if_none_match: Option<String>,
    agent: String,
}

/// An answer before it is sent.
struct Reply<'a> {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: &'a [u8],
}

fn answer(
    mut stream: TcpStream,
    pages: &BTreeMap<String, Page>,
    log: &Sender<Served>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let client = stream.peer_addr()?.ip();
    let mut reader = BufReader::new(stream.try_clone()?.take(LONGEST_REQUEST));
    let (request, reply) = match read(&mut reader)? {
        None => return Ok(()),
        Some(Err(status)) => (Request::default(), plain(status)),
        Some(Ok(request)) => {
            let reply = reply(&request, pages);
            (request, reply)
        }
    };
    let head = request.method == "HEAD";
    let mut text = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let length = reply.body.len();
    text.push_str(&format!(
        "content-length: {length}\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    ));
    stream.write_all(text.as_bytes())?;
    if !head {
        stream.write_all(reply.body)?;
    }
    stream.flush()?;
    // The client may be gone; nobody is left to tell.
    let _ = log.send(Served {
        client: client.to_canonical(),
        method: request.method,
        path: request.path,
        status: reply.status,
        bytes: if head { 0 } else { length },
        agent: request.agent,
    });
    Ok(())
}

/// The request, or the status that refuses it; `None` if nothing came.
fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Result<Request, u16>>> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(0) => return Ok(None),
        Ok(_) => {}
        // Not even text: TLS, perhaps.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Ok(Some(Err(400))),
        Err(error) => return Err(error),
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let [method, target, version] = words[..] else {
        return Ok(Some(Err(400)));
    };
    if !version.starts_with("HTTP/1.") {
        return Ok(Some(Err(400)));
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        ..Request::default()
    };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            // Cut off by the limit, or by the client.
            return Ok(Some(Err(431)));
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Ok(Some(Ok(request)));
        };
        let value = value.trim().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = Some(value),
            "if-range" => request.if_range = Some(value),
            "if-none-match" => request.if_none_match = Some(value),
            "user-agent" => request.agent = value,
            _ => {}
        }
    }
}

fn reply<'a>(request: &Request, pages: &'a BTreeMap<String, Page>) -> Reply<'a> {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        let mut reply = plain(405);
        reply.headers.push(("allow", "GET, HEAD".to_owned()));
        return reply;
    }
    let path = match request.path.as_str() {
        "/" => "/index.html",
        path => path,
    };
    let Some(page) = pages.get(path) else {
        return plain(404);
    };
    let tag = format!("\"{}\"", page.tag);
    let mut headers = vec![
        ("content-type", page.kind.to_owned()),
        ("accept-ranges", "bytes".to_owned()),
        ("cache-control", "no-cache".to_owned()),
        ("etag", tag.clone()),
    ];
    let same = |list: &String| list == "*" || list.split(',').any(|known| known.trim() == tag);
    if request.if_none_match.as_ref().is_some_and(same) {
        return Reply {
            status: 304,
            headers,
            body: &[],
        };
    }
    let total = page.bytes.len();
    // A part of what is not there any more is of no use: then the whole.
    let fits = request.if_range.as_ref().is_none_or(|known| *known == tag);
    match request
        .range
        .as_deref()
        .filter(|_| fits)
        .map(|text| range(text, total))
    {
        Some(Asked::Part(part)) => {
            let (first, last) = (part.start, part.end - 1);
            headers.push(("content-range", format!("bytes {first}-{last}/{total}")));
            Reply {
                status: 206,
                headers,
                body: &page.bytes[part],
            }
        }
        Some(Asked::Nothing) => {
            let mut reply = plain(416);
            reply
                .headers
                .push(("content-range", format!("bytes */{total}")));
            reply
        }
        Some(Asked::Whole) | None => Reply {
            status: 200,
            headers,
            body: &page.bytes,
        },
    }
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<usize>),
    Nothing,
}

/// One range; several, or another unit, are answered with the whole, as a
/// server may. Source: RFC 9110, section 14.2.
fn range(text: &str, total: usize) -> Asked {
    let Some((first, last)) = text
        .strip_prefix("bytes=")
        .filter(|ranges| !ranges.contains(','))
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Asked::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than fit are past every end.
        digits.then(|| text.parse::<usize>().unwrap_or(usize::MAX))
    };
    let part = match (first, number(first), number(last)) {
        ("", _, Some(count)) => total.saturating_sub(count)..total,
        (_, Some(first), None) if last.is_empty() => first..total,
        (_, Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(total),
        _ => return Asked::Whole,
    };
    if part.start < part.end {
        Asked::Part(part)
    } else {
        Asked::Nothing
    }
}

fn plain(status: u16) -> Reply<'static> {
    Reply {
        status,
        headers: vec![("content-type", "text/plain; charset=utf-8".to_owned())],
        body: match status {
            404 => b"There is no such file here.\n",
            405 => b"GET and HEAD only.\n",
            416 => b"There is no such part.\n",
            _ => b"This is no request that can be read.\n",
        },
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        _ => "Bad Request",
    }
}

#[cfg(test)]
mod tests;
