//! The rules of Ignition's structs.

use crate::files::clean;
use crate::ignition_check::Checker;
use crate::schema::{self, Def};
use crate::tree::{Name, Node, Step};
use crate::url::{self, UrlError};

const VERIFICATION_ALONE: &str = "source must be specified if verification is specified";

/// A path that a host can use.
pub(crate) fn path_fault(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        Some("path not specified")
    } else if !path.starts_with('/') {
        Some("path not absolute")
    } else if clean(path) != path {
        Some("path is not fully simplified")
    } else {
        None
    }
}

/// Whether the text is neither empty nor a GUID.
fn guid_fault(guid: &str) -> bool {
    let groups: Vec<&str> = guid.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let hex = groups
        .iter()
        .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    !guid.is_empty() && (lengths != [8, 4, 4, 4, 12] || !hex)
}

fn steps<const N: usize>(names: [Name; N]) -> [Step; N] {
    names.map(Step::Field)
}

impl Checker<'_, '_> {
    fn fault(&mut self, names: &[Name], fault: Option<impl Into<String>>) {
        if let Some(fault) = fault {
            let steps: Vec<Step> = names.iter().map(|name| Step::Field(*name)).collect();
            self.error(&steps, fault);
        }
    }

    pub(crate) fn rules(&mut self, def: &'static Def, node: &Node) {
        if def == &schema::CONFIG {
            self.unit_paths(node);
        } else if def == &schema::IGNITION_CONFIG || def == &schema::TLS {
            let list = if def == &schema::TLS {
                Name::CertificateAuthorities
            } else {
                Name::Merge
            };
            if self.minor() >= 1 {
                for (index, item) in node.items(list).iter().enumerate() {
                    let source = item.str_or_empty(Name::Source);
                    let fault = match source {
                        "" => Some("source is required".to_string()),
                        source => url::check_source(source, self.minor())
                            .err()
                            .map(|error| error.to_string()),
                    };
                    if let Some(fault) = fault {
                        self.error(&[list.into(), index.into()], fault);
                    }
                }
            }
        } else if def == &schema::IGNITION {
            self.own_version(node);
        } else if def == &schema::PROXY {
            self.proxy(node, Name::HttpProxy, true);
            self.proxy(node, Name::HttpsProxy, false);
        } else if def == &schema::RESOURCE || def == &schema::CONTENTS || def == &schema::AUTHORITY
        {
            self.resource(def, node);
        } else if def == &schema::HEADER {
            self.header(node);
        } else if def == &schema::VERIFICATION {
            self.hash(node);
        } else if def == &schema::NODE_GROUP || def == &schema::NODE_USER {
            if node.get(Name::Id).is_some() && !node.str_or_empty(Name::Name).is_empty() {
                self.error(&[], "cannot set both id and name");
            }
        } else if def == &schema::SYSTEMD {
            self.instances(node);
        } else if def == &schema::UNIT {
            self.unit(node);
        } else if def == &schema::DROPIN {
            self.dropin(node);
        } else {
            self.storage_rules(def, node);
        }
    }

    /// Files must not stand where a unit or a drop-in will be written.
    fn unit_paths(&mut self, root: &Node) {
        let (Some(storage), Some(systemd)) = (root.get(Name::Storage), root.get(Name::Systemd))
        else {
            return;
        };
        let mut written = std::collections::HashSet::new();
        let filled = |node: &Node| !node.str_or_empty(Name::Contents).is_empty();
        for unit in systemd.items(Name::Units) {
            let name = unit.str_or_empty(Name::Name);
            if filled(unit) {
                written.insert(format!("/etc/systemd/system/{name}"));
            }
            for dropin in unit
                .items(Name::Dropins)
                .iter()
                .filter(|dropin| filled(dropin))
            {
                written.insert(format!(
                    "/etc/systemd/system/{name}.d/{}",
                    dropin.str_or_empty(Name::Name)
                ));
            }
        }
        for list in [Name::Files, Name::Directories, Name::Links] {
            for (index, node) in storage.items(list).iter().enumerate() {
                if written.contains(node.str_or_empty(Name::Path)) {
                    self.error(
                        &[
                            Name::Storage.into(),
                            list.into(),
                            index.into(),
                            Name::Path.into(),
                        ],
                        "path conflicts with systemd unit or dropin",
                    );
                }
            }
        }
    }

    /// Only an embedded config can have a wrong version.
    fn own_version(&mut self, node: &Node) {
        if crate::version::normalize(node.str_or_empty(Name::Version)).is_none() {
            self.error(
                &steps([Name::Version]),
                "invalid config version (couldn't parse)",
            );
        }
    }

    fn proxy(&mut self, node: &Node, name: Name, plain: bool) {
        let Some(text) = node.str(name) else {
            return;
        };
        match url::parse(text) {
            Err(error) => self.error(&steps([name]), error.to_string()),
            Ok(url) if url.scheme != "http" && url.scheme != "https" => {
                self.error(&steps([name]), "proxies must be http(s)");
            }
            Ok(url) if url.scheme == "http" && !plain => {
                self.warn(
                    &steps([name]),
                    "insecure plaintext HTTP proxy specified for HTTPS resources",
                );
            }
            Ok(_) => {}
        }
    }

    fn resource(&mut self, def: &'static Def, node: &Node) {
        if def == &schema::AUTHORITY && self.minor() == 0 {
            // In 1.0.0 the source cannot be unset, only empty, and is all that counts.
            let fault = url::check_source(node.str_or_empty(Name::Source), 0)
                .err()
                .map(|error| error.to_string());
            return self.fault(&[Name::Source], fault);
        }
        if def == &schema::RESOURCE && self.minor() == 0 {
            let fault = self
                .optional_source_fault(node.str(Name::Source))
                .map(|error| error.to_string());
            return self.fault(&[Name::Source], fault);
        }
        if !matches!(node.str_or_empty(Name::Compression), "" | "gzip") {
            self.error(&steps([Name::Compression]), "invalid compression method");
        }
        let source = node.str(Name::Source);
        if node
            .get(Name::Verification)
            .is_some_and(|node| node.get(Name::Hash).is_some())
            && source.is_none()
        {
            self.error(&steps([Name::Verification, Name::Hash]), VERIFICATION_ALONE);
        }
        let minor = self.minor();
        // An empty source counts as missing.
        if let Some(source) = source.filter(|source| !source.is_empty()) {
            let fault = url::check_source(source, minor)
                .err()
                .map(|error| error.to_string());
            self.fault(&[Name::Source], fault);
        }
        if !node.items(Name::HttpHeaders).is_empty() {
            let fault = match url::parse(source.unwrap_or_default()) {
                _ if source.unwrap_or_default().is_empty() => Some(UrlError::Invalid.to_string()),
                Err(error) => Some(error.to_string()),
                Ok(url) if url.scheme == "http" || url.scheme == "https" => None,
                Ok(_) => Some("cannot use HTTP headers with this source scheme".into()),
            };
            self.fault(&[Name::HttpHeaders], fault);
        }
    }

    fn header(&mut self, node: &Node) {
        if node.str_or_empty(Name::Name).is_empty() {
            self.error(&steps([Name::Name]), "HTTP header name can't be empty");
        }
        if node.str(Name::Value) == Some("") {
            self.error(&steps([Name::Value]), "unable to parse HTTP header");
        }
    }

    fn hash(&mut self, node: &Node) {
        let Some(hash) = node.str(Name::Hash) else {
            return;
        };
        let length = match hash.split_once('-') {
            None => return self.error(&steps([Name::Hash]), "malformed hash specifier"),
            Some(("sha512", sum)) => (128, sum.len()),
            Some(("sha256", sum)) if self.minor() >= 1 => (64, sum.len()),
            Some(_) => return self.error(&steps([Name::Hash]), "unrecognized hash function"),
        };
        if length.0 != length.1 {
            self.error(&steps([Name::Hash]), "incorrect size for hash sum");
        }
    }

    /// Enabled instances of a template that cannot be enabled.
    fn instances(&mut self, node: &Node) {
        let units = node.items(Name::Units);
        let by_name: std::collections::HashMap<&str, &Node> = units
            .iter()
            .map(|unit| (unit.str_or_empty(Name::Name), unit))
            .collect();
        for (index, unit) in units.iter().enumerate() {
            let name = unit.str_or_empty(Name::Name);
            let Some(template) = service_template(name).filter(|_| unit.is_true(Name::Enabled))
            else {
                continue;
            };
            let contents = by_name
                .get(template.as_str())
                .and_then(|unit| unit.get(Name::Contents))
                .and_then(Node::as_bytes);
            let Some(contents) = contents.filter(|contents| !contents.is_empty()) else {
                continue;
            };
            if crate::unit::has_install(contents) == Ok(false) {
                let message = format!(
                    "template unit {} for {} doesn't have Install section",
                    crate::text::quoted(&template),
                    crate::text::quoted(name)
                );
                self.warn(
                    &[Name::Units.into(), index.into(), Name::Contents.into()],
                    message,
                );
            }
        }
    }

    fn unit(&mut self, node: &Node) {
        let name = node.str_or_empty(Name::Name);
        let known = [
            "service",
            "socket",
            "device",
            "mount",
            "automount",
            "swap",
            "target",
            "path",
            "timer",
            "snapshot",
            "slice",
            "scope",
        ];
        if !known.contains(&extension(name)) {
            self.error(&steps([Name::Name]), "invalid systemd unit extension");
        }
        let contents = node
            .get(Name::Contents)
            .and_then(Node::as_bytes)
            .unwrap_or_default();
        match crate::unit::has_install(contents) {
            Err(error) => self.error(
                &steps([Name::Contents]),
                format!("invalid unit content: {error}"),
            ),
            Ok(false) if node.is_true(Name::Enabled) && !contents.is_empty() => {
                let message = format!(
                    "unit {} is enabled, but has no install section so enable does nothing",
                    crate::text::quoted(name)
                );
                self.warn(&steps([Name::Contents]), message);
            }
            Ok(_) => {}
        }
    }

    fn dropin(&mut self, node: &Node) {
        let contents = node
            .get(Name::Contents)
            .and_then(Node::as_bytes)
            .unwrap_or_default();
        if let Err(error) = crate::unit::has_install(contents) {
            self.error(
                &steps([Name::Contents]),
                format!("invalid unit content: {error}"),
            );
        }
        if extension(node.str_or_empty(Name::Name)) != "conf" {
            self.error(&steps([Name::Name]), "invalid systemd drop-in extension");
        }
    }

    pub(crate) fn guid(&mut self, node: &Node, name: Name) {
        if node.str(name).is_some_and(guid_fault) {
            self.error(
                &steps([name]),
                "doesn't match the form \"01234567-89AB-CDEF-EDCB-A98765432101\"",
            );
        }
    }

    /// A source that may be missing, such as a key file's.
    pub(crate) fn optional_source_fault(&self, source: Option<&str>) -> Option<UrlError> {
        source
            .filter(|source| !source.is_empty())
            .and_then(|source| url::check_source(source, self.minor()).err())
    }
}

/// What follows the last dot, nothing if there is none.
fn extension(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// `foo@.service` for `foo@bar.service`.
fn service_template(name: &str) -> Option<String> {
    let stem = name.strip_suffix(".service")?;
    let skip = stem.chars().next()?.len_utf8();
    let at = skip + stem[skip..].find('@')?;
    (at + 1 < stem.len()).then(|| format!("{}@.service", &stem[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::messages;

    #[test]
    fn rules() {
        for (minor, body, message) in [
            (
                7,
                "ignition: {proxy: {http_proxy: 'ftp://x'}}",
                "proxies must be http(s)",
            ),
            (7, "ignition: {config: {merge: [{}]}}", "source is required"),
            (
                7,
                "storage: {files: [{path: /a, contents: {source: 'x:y'}}]}",
                "invalid url scheme",
            ),
            (
                7,
                "storage: {files: [{path: /a, contents: {verification: {hash: x}}}]}",
                VERIFICATION_ALONE,
            ),
            (
                0,
                "storage: {files: [{path: /a, contents: {source: 'data:,', verification: {hash: sha256-0}}}]}",
                "unrecognized hash function",
            ),
            (
                7,
                "storage: {files: [{path: /a, user: {id: 1, name: x}}]}",
                "cannot set both id and name",
            ),
            (
                7,
                "storage: {files: [{path: /etc/systemd/system/a.service}]}\nsystemd: {units: [{name: a.service, contents: '[A]'}]}",
                "path conflicts with systemd unit or dropin",
            ),
            (
                7,
                "systemd: {units: [{name: a.service, dropins: [{name: x}]}]}",
                "invalid systemd drop-in extension",
            ),
        ] {
            let messages = messages(minor, body);
            assert!(
                messages[0].ends_with(&format!(": {message}")),
                "{messages:?}"
            );
        }
    }

    #[test]
    fn templates() {
        assert_eq!(
            service_template("a@b.service").as_deref(),
            Some("a@.service")
        );
        assert_eq!(service_template("a@.service"), None);
        let body = "systemd: {units: [{name: a@.service, contents: '[A]'}, {name: a@1.service, enabled: true}]}";
        let warning =
            "template unit \"a@.service\" for \"a@1.service\" doesn't have Install section";
        assert!(messages(7, body)[0].ends_with(warning));
    }
}
