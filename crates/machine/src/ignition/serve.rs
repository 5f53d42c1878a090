//! `ignition serve`: the site for an installation on the local network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use host::{Done, process};
use image_build::gather::World;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use remote::serve::{Bound, Page, Served};
use sha2::{Digest as _, Sha256};

use super::site_folder::{first, site};
use crate::error::Error;
use crate::ignition::page::install;

/// The port if only an address is given.
const PORT: u16 = 8000;

/// Serves until it is told to end.
///
/// # Errors
/// If the address is none, or cannot be listened on.
pub fn run(worlds: &[World<'_>], listen: &str) -> Result<Done, Error> {
    let world = first(worlds)?;
    let address = address(listen)?;
    let bound = Bound::to(address)?;
    let url = bound.url();
    let Some(site) = site(worlds, &url)? else {
        return Ok(Done::CheckFailed);
    };
    let pages = crate::ignition::page::files(&site)
        .into_iter()
        .map(|(name, (kind, bytes))| {
            let tag = Sha256::digest(&bytes)
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            (format!("/{name}"), Page { kind, bytes, tag })
        });
    let (log, served) = channel();
    let _server = bound.serve(pages.collect(), log);
    let report = world.report;
    report.status("Serving", &format!("{url}/, until Ctrl-C"));
    if address.ip().is_loopback() {
        report.note("             this machine only; for others: --address 0.0.0.0:8000");
    } else {
        report.warning("everybody on the network can read these files");
    }
    report.answer(&format!("{url}/"));
    for machine in &site.machines {
        report.answer(&install(machine));
    }
    report.document(&site)?;
    if world.env.terminal.there {
        for line in code(&format!("{url}/")).lines() {
            report.note(line);
        }
    }
    // Ctrl-C is how this ends, and no failure.
    process::minding(|| {
        loop {
            // Looks up from time to time, as a signal does not end a wait.
            match served.recv_timeout(Duration::from_millis(100)) {
                Ok(served) => report.status("Answered", &line(&served)),
                Err(RecvTimeoutError::Timeout) if !process::interrupted() => {}
                Err(_) => return Ok(Done::Success),
            }
        }
    })
}

/// An address, an address with a port, or a port of this machine.
fn address(text: &str) -> Result<SocketAddr, Error> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let named = text.strip_prefix("localhost").map(|rest| match rest {
        "" => Some(local(PORT)),
        rest => Some(local(rest.strip_prefix(':')?.parse().ok()?)),
    });
    named
        .flatten()
        .or_else(|| text.parse().ok())
        .or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, PORT)))
        .or_else(|| Some(local(text.trim_start_matches(':').parse().ok()?)))
        .ok_or_else(|| {
            let text = host::one_line(text);
            Error::Usage(format!("`{text}` is not ADDRESS, ADDRESS:PORT or PORT"))
        })
}

/// A line of the log. All of it came from the network.
fn line(served: &Served) -> String {
    let Served {
        client,
        method,
        path,
        status,
        bytes,
        agent,
    } = served;
    host::one_line(&format!(
        "{status} {method} {path} to {client}, {bytes} bytes, {agent}"
    ))
}

/// The address as a picture of half blocks. A terminal draws them light on dark,
/// so they are the light parts: not every phone reads a picture inside out.
fn code(text: &str) -> String {
    match QrCode::new(text) {
        Ok(code) => code
            .render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build(),
        // Only a text of thousands of letters does not fit.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, meant) in [
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("192.168.1.5", "192.168.1.5:8000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("9000", "127.0.0.1:9000"),
            (":9000", "127.0.0.1:9000"),
            ("localhost", "127.0.0.1:8000"),
            ("localhost:1", "127.0.0.1:1"),
            ("::1", "[::1]:8000"),
            ("[::]:8000", "[::]:8000"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), meant, "{text}");
        }
        for wrong in ["", "host", "1.2.3", "99999", "localhost8000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn log_lines_stay_lines() {
        let served = Served {
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            method: "GET".to_owned(),
            path: "/nas.ign\u{1b}[2J".to_owned(),
            status: 404,
            bytes: 3,
            agent: "Ignition/2.14\r\nx".to_owned(),
        };
        assert_eq!(
            line(&served),
            "404 GET /nas.ign [2J to 127.0.0.1, 3 bytes, Ignition/2.14 x"
        );
    }

    #[test]
    fn the_address_as_a_picture() {
        let picture = code("http://192.168.1.5:8000/");
        assert!(picture.lines().count() > 12, "{picture}");
        // The quiet zone is light.
        let first = picture.lines().next().unwrap();
        assert!(first.chars().all(|c| c == '\u{2588}'), "{picture}");
    }
}
