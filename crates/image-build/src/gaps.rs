//! The messages about failed requests: a cause is reported once, even if several
//! requests failed because of it.

use version_discovery::Gap;

/// What a person can still do without a network.
const WITHOUT: &str = "Without a network there are `cargo xtask rehearse`, and `explain`, \
                       `versions` and `build` with `--facts FILE`, where `--save-facts FILE` was \
                       used before";

/// All of them, as one text.
pub fn text(gaps: &[Gap]) -> String {
    if let (Some((cause, hosts)), true) = (one_cause(gaps), gaps.len() > 1) {
        let (said, next) = cause.split_once("; ").unwrap_or((cause, ""));
        let said = said.trim_start_matches("io: ");
        return format!("{hosts} could not be reached: {said}; {next}. {WITHOUT}");
    }
    let all: Vec<String> = gaps.iter().map(ToString::to_string).collect();
    all.join("; ")
}

/// The common cause of all failures, and the servers that were asked.
fn one_cause(gaps: &[Gap]) -> Option<(&str, String)> {
    let mut hosts: Vec<&str> = Vec::new();
    let mut common: Option<&str> = None;
    for gap in gaps {
        let (url, cause) = gap.why.as_deref()?.split_once(": ")?;
        let (_, rest) = url.split_once("://")?;
        let host = rest.split(['/', ':']).next()?;
        if common.is_some_and(|known| known != cause) {
            return None;
        }
        common = Some(cause);
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    let (last, others) = hosts.split_last()?;
    let named = match others {
        [] => (*last).to_owned(),
        others => format!("{} and {last}", others.join(", ")),
    };
    Some((common?, named))
}

#[cfg(test)]
mod tests {
    use super::*;
    use version_discovery::Question;

    fn gap(why: &str) -> Gap {
        Gap {
            question: Question::ZfsReleases,
            why: Some(why.to_owned()),
        }
    }

    #[test]
    fn one_cause_is_told_once_with_all_who_were_asked() {
        let lost = "io: failed to lookup address information: Name or service not known; check \
                    the network, proxies and registries.conf, then try again";
        let gaps = [
            gap(&format!(
                "https://builds.example.org/updates/stable.json: {lost}"
            )),
            gap(&format!("https://api.github.com/repos?x=1: {lost}")),
            gap(&format!("https://ghcr.io/v2/: {lost}")),
            gap(&format!("https://ghcr.io/v2/x: {lost}")),
        ];
        assert_eq!(
            text(&gaps),
            format!(
                "builds.example.org, api.github.com and ghcr.io could not be reached: failed to \
                 lookup address information: Name or service not known; check the network, \
                 proxies and registries.conf, then try again. {WITHOUT}"
            )
        );
    }

    #[test]
    fn different_causes_are_all_told() {
        let gaps = [
            gap("https://a/x: 503; later"),
            gap("https://b/x: 401; log in"),
        ];
        assert_eq!(text(&gaps).matches("could not ask for").count(), 2);
        // A single failure keeps its own message.
        assert!(text(&gaps[..1]).starts_with("could not ask for"));
    }
}
