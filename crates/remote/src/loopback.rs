//! A small HTTP server on the loopback interface: the stand-in for GitHub and
//! Fedora in a rehearsal, and the hostile registry of the tests. It lives here
//! because sockets are opened in this crate only.
//!
//! One thread for each connection, one request for each connection. It binds to
//! 127.0.0.1 and nothing else.
#![expect(
    clippy::disallowed_methods,
    reason = "the network door listens on loopback for rehearsals and tests"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::Error;

/// What a client sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it should be.
    Whole,
    /// The connection is closed before the first byte.
    Reset,
    /// `content-length` speaks the truth, but the connection is closed after
    /// so many bytes of the body.
    CutAfter(usize),
    /// After so many bytes of the body nothing more comes, until the client
    /// gives up.
    StallAfter(usize),
    /// The body again and again, without a `content-length`, until the client
    /// has had enough.
    Endless,
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers; `content-length` is added, except to [`Manner::Endless`].
    pub headers: Vec<(String, String)>,
    /// The body; not sent to `HEAD`.
    pub body: Vec<u8>,
    /// How.
    pub manner: Manner,
}

impl Reply {
    /// An answer with a body.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            manner: Manner::Whole,
        }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sent in another manner.
    #[must_use]
    pub fn sent(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A running server; it ends with this value.
pub struct Loopback {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    stop: Arc<std::sync::atomic::AtomicBool>,
}

impl Loopback {
    /// Starts on a free port.
    ///
    /// # Errors
    /// [`Error::Setup`] if there is none.
    pub fn start(
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let setup = |error: std::io::Error| Error::Setup(error.to_string());
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(setup)?;
        let address = listener.local_addr().map_err(setup)?;
        let handler: Arc<Handler> = Arc::new(handler);
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (log, ended) = (Arc::clone(&seen), Arc::clone(&stop));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                // A client that goes away is no concern of the server.
                thread::spawn(move || drop(serve(stream, &*handler, &log)));
            }
        });
        Ok(Self {
            address,
            seen,
            stop,
        })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Request> {
        match self.seen.lock() {
            Ok(seen) => seen.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        // Wakes the listener, so that the port is free again.
        drop(TcpStream::connect(self.address));
    }
}

/// An address on loopback where nobody listens.
///
/// # Errors
/// [`Error::Setup`] if the machine has no free port.
pub fn nobody() -> Result<SocketAddr, Error> {
    let setup = |error: std::io::Error| Error::Setup(error.to_string());
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(setup)?;
    listener.local_addr().map_err(setup)
}

fn serve(
    mut stream: TcpStream,
    handler: &Handler,
    log: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let Some(request) = read(&mut BufReader::new(stream.try_clone()?))? else {
        return Ok(());
    };
    let head = request.method == "HEAD";
    let reply = handler(&request);
    if let Ok(mut log) = log.lock() {
        log.push(request);
    }
    if reply.manner == Manner::Reset {
        return Ok(());
    }
    let mut text = format!("HTTP/1.1 {} Status\r\n", reply.status);
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let length = reply.body.len();
    if reply.manner != Manner::Endless {
        text.push_str(&format!("content-length: {length}\r\n"));
    }
    text.push_str("connection: close\r\n\r\n");
    stream.write_all(text.as_bytes())?;
    if head {
        return Ok(());
    }
    match reply.manner {
        Manner::CutAfter(bytes) => stream.write_all(&reply.body[..bytes.min(length)]),
        Manner::StallAfter(bytes) => {
            stream.write_all(&reply.body[..bytes.min(length)])?;
            stream.flush()?;
            // Ends when the client closes its side.
            stream.read(&mut [0]).map(|_| ())
        }
        Manner::Endless => loop {
            // Ends with an error when the client goes away.
            stream.write_all(&reply.body)?;
        },
        Manner::Whole | Manner::Reset => stream.write_all(&reply.body),
    }
}

fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    // The first byte of TLS. Its greeting need not hold the end of a line, so
    // waiting for one could last until the client gives up.
    if reader.fill_buf()?.first() == Some(&0x16) {
        return Ok(None);
    }
    // Anything else that is no HTTP ends here.
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        method,
        path,
        headers,
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .and_then(|l| l.parse().ok())
        .unwrap_or(0);
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}
