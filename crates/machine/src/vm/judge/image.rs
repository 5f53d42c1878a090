//! Checks of an image's own boot.

use super::comparison::{Comparison, Evidence, SILENT};

impl Evidence<'_> {
    fn words(&self, subject: &str, field: &str) -> Option<Vec<&str>> {
        let text = self.findings.get(subject, field)?;
        Some(text.split_whitespace().collect())
    }

    /// A list of words that may have these.
    pub(super) fn none_but(&self, subject: &str, field: &str, allowed: &[String]) -> Comparison {
        let expected = match allowed {
            [] => "none".to_owned(),
            allowed => format!("none but {}", allowed.join(", ")),
        };
        let Some(words) = self.words(subject, field) else {
            return Comparison::new(expected, SILENT, false);
        };
        let others: Vec<&str> = words
            .iter()
            .copied()
            .filter(|word| !allowed.iter().any(|allowed| allowed == word))
            .collect();
        match others.as_slice() {
            [] if words.is_empty() => Comparison::new(expected, "none", true),
            [] => Comparison::new(expected, words.join(", "), true),
            others => Comparison::new(expected, others.join(", "), false),
        }
    }

    /// Two fields of one subject, most often sums: only their likeness is shown.
    pub(super) fn same(&self, subject: &str, field: &str, other: &str) -> Comparison {
        let get = |field| {
            self.findings
                .get(subject, field)
                .filter(|text| !text.is_empty())
        };
        let found = match (get(field), get(other)) {
            (Some(one), Some(two)) if one == two => {
                return Comparison::new("the same", "the same", true);
            }
            (Some(_), Some(_)) => "another content",
            _ => SILENT,
        };
        Comparison::new("the same", found, false)
    }

    /// systemd shows a realtime timer's next run as a date, a monotonic one's as a
    /// duration, and `infinity` or nothing where there is none.
    pub(super) fn due(&self, subject: &str) -> Comparison {
        let get = |field| self.findings.get(subject, field).unwrap_or_default();
        let (state, realtime, monotonic) = (
            get("ActiveState"),
            get("NextElapseUSecRealtime"),
            get("NextElapseUSecMonotonic"),
        );
        let never = |text: &str| matches!(text, "" | "0" | "infinity" | "n/a");
        let expected = "a next run";
        if state != "active" {
            let found = if state.is_empty() { SILENT } else { state };
            return Comparison::new(expected, found, false);
        }
        match (never(realtime), never(monotonic)) {
            (false, _) => Comparison::new(expected, realtime, true),
            (true, false) => Comparison::new(expected, format!("after {monotonic}"), true),
            (true, true) => Comparison::new(expected, "never due", false),
        }
    }

    /// Words that were not there at the earlier boot.
    pub(super) fn nothing_new(&self, subject: &str, field: &str) -> Comparison {
        let expected = "no new one";
        let earlier = self
            .earlier
            .and_then(|earlier| earlier.get(subject, field))
            .filter(|text| !text.is_empty());
        // A pool without any feature is a pool that was not asked.
        let now = self.words(subject, field).filter(|words| !words.is_empty());
        let (Some(now), Some(earlier)) = (now, earlier) else {
            return Comparison::new(expected, SILENT, false);
        };
        let names = |text: &str| {
            text.split(['=', '\t'])
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let before: Vec<String> = earlier.split_whitespace().map(names).collect();
        let new: Vec<String> = now
            .iter()
            .map(|word| names(word))
            .filter(|name| !before.contains(name))
            .collect();
        match new.as_slice() {
            [] => Comparison::new(expected, format!("{} as before", before.len()), true),
            new => Comparison::new(expected, format!("enabled {}", new.join(", ")), false),
        }
    }

    /// The pool came, by itself or by hand.
    pub(super) fn imported(&self, subject: &str) -> Comparison {
        let get = |field| self.findings.get(subject, field);
        if get("import") == Some("ok") {
            let how = match get("by-itself") {
                Some("yes") => "imported by itself",
                _ => "imported by hand",
            };
            return Comparison::new("imported", how, true);
        }
        let found = match (get("unsupported"), get("import")) {
            (Some(features), _) if !features.is_empty() => {
                format!("unsupported features: {features}")
            }
            (_, Some(said)) => said.to_owned(),
            (_, None) => SILENT.to_owned(),
        };
        Comparison::new("imported", found, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::judge::Verdict;
    use crate::vm::report::Findings;

    fn judged(
        now: &str,
        earlier: &str,
        judge: impl Fn(&Evidence<'_>) -> Comparison,
    ) -> (Verdict, String) {
        let findings = Findings::parse(now).unwrap();
        let earlier = Findings::parse(earlier).unwrap();
        let evidence = Evidence {
            findings: &findings,
            earlier: Some(&earlier),
        };
        let said = judge(&evidence);
        (said.verdict, said.found)
    }

    #[test]
    fn a_timer_without_a_next_run_is_never_due() {
        let due = |text: &str| judged(text, "", |evidence| evidence.due("timer a.timer"));
        let one = |fields: [&str; 3]| {
            let [state, realtime, monotonic] = fields;
            due(&format!(
                "timer a.timer\tActiveState\t{state}\n\
                 timer a.timer\tNextElapseUSecRealtime\t{realtime}\n\
                 timer a.timer\tNextElapseUSecMonotonic\t{monotonic}"
            ))
        };
        assert_eq!(one(["active", "Thu 2026-01-01", "0"]).0, Verdict::Holds);
        assert_eq!(one(["active", "", "1h"]).0, Verdict::Holds);
        assert_eq!(
            one(["active", "", "infinity"]),
            (Verdict::Broken, "never due".to_owned())
        );
        assert_eq!(one(["inactive", "", "1h"]).0, Verdict::Broken);
        assert_eq!(due("").0, Verdict::Broken);
    }

    #[test]
    fn a_feature_that_the_candidate_enables_is_named() {
        let new = |now: &str| {
            judged(
                &format!("pool tank\tfeatures\t{now}"),
                "pool tank\tfeatures\ta=active b=enabled",
                |evidence| evidence.nothing_new("pool tank", "features"),
            )
        };
        assert_eq!(new("a=active b=active").0, Verdict::Holds);
        let found = new("a=active b=active c=enabled");
        assert_eq!(found, (Verdict::Broken, "enabled c".to_owned()));
    }

    #[test]
    fn a_pool_that_does_not_come_back_names_its_features() {
        let back = |text: &str| judged(text, "", |evidence| evidence.imported("pool tank"));
        assert_eq!(back("pool tank\timport\tok").0, Verdict::Holds);
        let text = "pool tank\timport\tfailed: x\npool tank\tunsupported\tcom.example:f";
        let found = "unsupported features: com.example:f".to_owned();
        assert_eq!(back(text), (Verdict::Broken, found));
        assert_eq!(back("pool tank\timport\tfailed: x").1, "failed: x");
        assert_eq!(back("").0, Verdict::Broken);
    }

    #[test]
    fn failed_units_are_named_but_for_the_allowed() {
        let failed = |words: &str, allowed: &[&str]| {
            let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
            judged(&format!("system\tfailed\t{words}"), "", move |evidence| {
                evidence.none_but("system", "failed", &allowed)
            })
        };
        assert_eq!(failed("", &[]).0, Verdict::Holds);
        assert_eq!(failed("a.service", &["a.service"]).0, Verdict::Holds);
        let found = (Verdict::Broken, "b.service".to_owned());
        assert_eq!(failed("a.service b.service", &["a.service"]), found);
    }
}
