//! Telling a person: a webhook as ntfy takes it, and a mailbox by `sendmail`.

use std::path::PathBuf;

use host::process::Invocation;
use host::{Secret, env, process};
use image_build::gather::World;
use image_config::{Mail, SecretSource, Webhook};
use remote::webhook::{Message, header, post};
use remote::{Agent, Limits};

use crate::folder;

/// Whether there is anybody to tell.
pub fn anybody(world: &World<'_>) -> bool {
    let alarm = &world.config.alarm;
    alarm.webhook.is_some() || alarm.mail.is_some()
}

/// Tells everybody. The issue is the alarm; the message only tells people sooner,
/// so its failure is a warning.
pub fn everybody(world: &World<'_>, message: &Message) {
    let alarm = &world.config.alarm;
    if let Some(webhook) = &alarm.webhook {
        let sent = address(world, webhook).and_then(|address| {
            let agent = Agent::new(Limits::default());
            post(&agent, &address, message)
        });
        if let Err(why) = sent {
            let line = format!("the webhook was not told: {why}");
            world.report.warning(&line);
        }
    }
    if let Some(mail) = &alarm.mail
        && let Err(why) = send(world, mail, message)
    {
        world.report.warning(&format!("{mail} was not told: {why}"));
    }
}

fn address(world: &World<'_>, webhook: &Webhook) -> Result<Secret, String> {
    match webhook {
        Webhook::Address(url) => Ok(Secret::new(url.as_str())),
        Webhook::Secret(SecretSource::Env(name)) => {
            env::secret(name).ok_or_else(|| format!("{name} is not set"))
        }
        Webhook::Secret(SecretSource::File(path)) => {
            let path = world.env.root.join(path);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(Secret::new(text.trim()))
        }
    }
}

/// `sendmail -i -- ADDRESS`, which every mail server for Linux brings.
/// Source: LSB Core, "sendmail".
fn send(world: &World<'_>, mail: &Mail, message: &Message) -> Result<(), String> {
    let program = world.env.program("sendmail").or_else(|| {
        let usual = PathBuf::from("/usr/sbin/sendmail");
        usual.is_file().then_some(usual)
    });
    let program = program.ok_or("there is no `sendmail` on this machine")?;
    let folder = folder::of(world).map_err(|error| error.to_string())?;
    let path = folder.join("alarm.eml");
    host::files::write(&path, letter(mail, message).as_bytes())
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let sh = process::shell(&world.env.root).map_err(|error| error.to_string())?;
    let call = Invocation {
        stdin: Some(path),
        ..Invocation::new(&program.display().to_string(), ["-i", "--", mail.as_str()])
    };
    let sent = process::read(&sh, &call);
    sent.map(drop).map_err(|error| error.to_string())
}

/// The letter, as RFC 5322 and RFC 2047 want it. That it comes from a program keeps
/// holiday notes away (RFC 3834).
fn letter(mail: &Mail, message: &Message) -> String {
    let link = message.link.as_ref();
    let link = link.map_or_else(String::new, |link| format!("\n{}\n", host::one_line(link)));
    format!(
        "To: {mail}\nSubject: {}\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{}\n{link}",
        header(&message.title),
        message.text
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_title_is_a_header_of_its_own() {
        let message = Message {
            title: "Alarm: ü\nBcc: x@y".to_owned(),
            text: "what".to_owned(),
            priority: 4,
            tag: "warning",
            link: None,
        };
        let letter = letter(&"root".parse().unwrap(), &message);
        let (head, body) = letter.split_once("\n\n").unwrap();
        assert!(head.lines().all(|line| !line.starts_with("Bcc")), "{head}");
        assert!(head.contains("Subject: =?UTF-8?B?"), "{head}");
        assert_eq!(body, "what\n");
    }
}
