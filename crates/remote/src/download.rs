//! A large file, read as it comes, from its beginning or from where an earlier
//! attempt was cut.

use std::io::{self, Read};
use std::time::Duration;

use registry_compat::Trouble;

use crate::agent::{Ask, Stream, judge};
use crate::{Agent, Error};

/// How long a whole download may take. A connection that stands still ends after
/// `Limits::read`; this limit is for one that is very slow.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// A body that is still to be read.
pub struct Download {
    /// The file's size, if the server says.
    pub total: Option<u64>,
    /// Where in the file the body begins: where it was asked for, or at 0 if the
    /// server knows no parts.
    pub from: u64,
    body: Stream,
    left: Option<u64>,
    most: u64,
    url: String,
}

/// Asks for a file from byte `from` on; more than `most` bytes of it are an
/// error. `None` if there is nothing after `from`.
///
/// # Errors
/// [`Error::NotFound`] if there is no such file, [`Error::Unknown`] if it could
/// not be asked.
pub fn open(agent: &Agent, url: &str, from: u64, most: u64) -> Result<Option<Download>, Error> {
    let range = format!("bytes={from}-");
    // Without compression on the way, since `from` counts bytes of the file.
    let mut headers = vec![("accept-encoding", "identity")];
    if from > 0 {
        headers.push(("range", range.as_str()));
    }
    let ask = Ask {
        url,
        headers: &headers,
        authorization: None,
        insecure: false,
        largest: 64 * 1024,
    };
    let (reply, body) = agent.patiently(&agent.limits, || {
        let (reply, body) = agent.open(&ask, LONGEST)?;
        // 416: `from` is the end of the file, and nothing is left.
        if reply.status == 416 && from > 0 {
            return Ok((reply, None));
        }
        Ok((judge(url, reply)?, body))
    })?;
    let wrong = |what: &str| Error::unknown(Trouble::Garbled, format!("{url}: {what}"));
    let length: Option<u64> = reply.header("content-length").and_then(|l| l.parse().ok());
    let (from, total) = match (reply.status, reply.header("content-range")) {
        (200, _) => (0, length),
        (206, Some(range)) => {
            let (start, total) =
                parse_range(range).ok_or_else(|| wrong("a `content-range` that is none"))?;
            if start != from {
                return Err(wrong("another part than the one asked for"));
            }
            (start, total)
        }
        (416, _) => return Ok(None),
        (404 | 410, _) => {
            let status = reply.status;
            return Err(Error::NotFound(format!("{url}: HTTP {status}")));
        }
        (status, _) => return Err(wrong(&format!("HTTP {status}"))),
    };
    if total.is_some_and(|total| total > most) {
        return Err(wrong(&format!("it is larger than {most} bytes")));
    }
    let body = body.ok_or_else(|| wrong("an answer without a body"))?;
    Ok(Some(Download {
        total,
        from,
        body,
        left: total.map(|total| total.saturating_sub(from)),
        most: most.saturating_sub(from),
        url: url.to_owned(),
    }))
}

/// `bytes 5-9/10`: where it begins, and the size of all. Source: RFC 9110,
/// section 14.4.
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = span.split_once('-')?;
    let start = start.trim().parse().ok()?;
    let end: u64 = end.trim().parse().ok()?;
    (start <= end).then_some(())?;
    Some((start, total.trim().parse().ok()))
}

impl Download {
    /// The next bytes; 0 at the end, which is an error if the server promised
    /// more.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the connection broke.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let broken = |what: String| {
            let text = format!("{}: {what}", self.url);
            Err(Error::unknown(Trouble::Unreachable, text))
        };
        let count = loop {
            match self.body.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return broken(error.to_string()),
                Ok(count) => break count as u64,
            }
        };
        if count == 0 && self.left.is_some_and(|left| left > 0) {
            return broken("the connection ended before the file did".to_owned());
        }
        if count > self.most {
            return broken("the server sends more than there should be".to_owned());
        }
        self.most -= count;
        self.left = self.left.map(|left| left.saturating_sub(count));
        // Not more than the buffer holds.
        Ok(usize::try_from(count).unwrap_or(buffer.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::loopback::{Loopback, Manner, Reply, Request};

    const BODY: &[u8] = b"0123456789";

    /// A server that knows parts.
    fn parts(request: &Request) -> Reply {
        let Some(range) = request.header("range") else {
            return Reply::new(200, "application/octet-stream", BODY);
        };
        let from = range.trim_start_matches("bytes=").trim_end_matches('-');
        let from: usize = from.parse().unwrap();
        if from >= BODY.len() {
            return Reply::new(416, "text/plain", "");
        }
        let range = format!("bytes {from}-{}/{}", BODY.len() - 1, BODY.len());
        Reply::new(206, "application/octet-stream", &BODY[from..]).with("content-range", &range)
    }

    fn agent() -> Agent {
        Agent::new(Limits {
            attempts: 1,
            read: Duration::from_secs(2),
            ..Limits::default()
        })
    }

    /// Where the body begins, and what it holds.
    fn fetch(
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        from: u64,
    ) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let server = Loopback::start(handler).unwrap();
        let url = format!("http://{}/file", server.address());
        let Some(mut download) = open(&agent(), &url, from, 100)? else {
            return Ok(None);
        };
        let mut all = Vec::new();
        let mut buffer = [0; 4];
        loop {
            match download.read(&mut buffer)? {
                0 => return Ok(Some((download.from, all))),
                count => all.extend(&buffer[..count]),
            }
        }
    }

    #[test]
    fn a_file_comes_whole_or_from_where_it_was_cut() {
        assert_eq!(fetch(parts, 0).unwrap(), Some((0, BODY.to_vec())));
        assert_eq!(fetch(parts, 7).unwrap(), Some((7, b"789".to_vec())));
        assert_eq!(fetch(parts, 10).unwrap(), None);
        // A server without parts begins at the beginning.
        let plain = |_: &Request| Reply::new(200, "x/y", BODY);
        assert_eq!(fetch(plain, 7).unwrap(), Some((0, BODY.to_vec())));
    }

    #[test]
    fn what_is_cut_or_another_part_is_no_file() {
        let cut = |_: &Request| Reply::new(200, "x/y", BODY).sent(Manner::CutAfter(4));
        assert!(matches!(fetch(cut, 0), Err(Error::Unknown(_))));
        let other =
            |_: &Request| Reply::new(206, "x/y", &BODY[3..]).with("content-range", "bytes 3-9/10");
        assert!(matches!(fetch(other, 7), Err(Error::Unknown(_))));
        let none = |_: &Request| Reply::new(404, "x/y", "");
        assert!(matches!(fetch(none, 0), Err(Error::NotFound(_))));
        let large = |_: &Request| Reply::new(200, "x/y", vec![0; 101]);
        assert!(matches!(fetch(large, 0), Err(Error::Unknown(_))));
        let endless = |_: &Request| Reply::new(200, "x/y", vec![0; 64]).sent(Manner::Endless);
        assert!(matches!(fetch(endless, 0), Err(Error::Unknown(_))));
        for text in ["bytes 9-3/10", "bytes */10", "3-9/10", ""] {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }
}
