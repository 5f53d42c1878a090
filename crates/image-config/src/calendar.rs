//! Whether a text is a calendar event of systemd, `Mon..Fri *-*-* 09:41 UTC`.
//!
//! Its form only: a day that no month has, or a zone that no machine knows, is found by
//! `systemd-analyze calendar`, which not every machine has that reads `image.yaml`.
//! Source: systemd.time(7), "Calendar Events".

const WORDS: [&str; 9] = [
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "semiannually",
    "yearly",
    "annually",
];

const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Days of the week, date, time and zone, in this order; all may be left out, but not
/// all of the first three. Or a word, and a zone.
pub(crate) fn is_event(text: &str) -> bool {
    if !text.is_ascii() || text.contains(|c: char| c.is_control()) {
        return false;
    }
    // A moment, which does not come again but is an event all the same.
    if let Some(epoch) = text.strip_prefix('@') {
        return !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
    }
    let mut words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    if words.len() > 1 && words.last().is_some_and(|word| is_zone(word)) {
        words.pop();
    }
    if let [word] = words.as_slice()
        && WORDS.contains(&word.to_ascii_lowercase().as_str())
    {
        return true;
    }
    let mut rest = words.as_slice();
    for part in [days, date, time] {
        if let Some((first, others)) = rest.split_first()
            && part(first)
        {
            rest = others;
        }
    }
    !words.is_empty() && rest.is_empty()
}

/// `UTC`, `CET`, `Europe/Berlin`.
fn is_zone(word: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(good);
    is_name && !days(word) && !WORDS.contains(&word.to_ascii_lowercase().as_str())
}

/// `Mon`, `Mon..Fri`, `Sat,Sun`; `Mon-Fri` is an older form.
fn days(word: &str) -> bool {
    let day = |text: &str| {
        let text = text.to_ascii_lowercase();
        DAYS.iter().any(|day| text == *day || text == day[..3])
    };
    let range = |text: &str| match text.split_once("..").or_else(|| text.split_once('-')) {
        Some((from, to)) => day(from) && day(to),
        None => day(text),
    };
    word.split(',').all(range)
}

/// `2026-08-31`, `*-*-01`, `08-31`, `*-02~03`: `~` counts from the end of the month.
fn date(word: &str) -> bool {
    let Some((before, day)) = word.rsplit_once(['-', '~']) else {
        return false;
    };
    let (year, month) = before.split_once('-').unwrap_or(("*", before));
    numbers(year, 0, 9999) && numbers(month, 1, 12) && numbers(day, 1, 31)
}

/// `09:41`, `*:0/15`, `02:00:00`.
fn time(word: &str) -> bool {
    let parts: Vec<&str> = word.split(':').collect();
    match parts.as_slice() {
        [hour, minute] => numbers(hour, 0, 23) && numbers(minute, 0, 59),
        [hour, minute, second] => {
            // Parts of a second are as good as whole ones.
            let parts = second.split(['/', ',']);
            let whole: Vec<&str> = parts
                .map(|part| part.split('.').next().unwrap_or(part))
                .collect();
            let decimal = second.contains('.') && !second.contains("..");
            let seconds = match decimal {
                true => whole.iter().all(|part| numbers(part, 0, 59)),
                false => numbers(second, 0, 59),
            };
            numbers(hour, 0, 23) && numbers(minute, 0, 59) && seconds
        }
        _ => false,
    }
}

/// `*`, `5`, `1,15`, `1..5`, `0/15`, `*/2`.
fn numbers(text: &str, least: u32, most: u32) -> bool {
    let number = |text: &str| {
        let good = text.bytes().all(|byte| byte.is_ascii_digit());
        good && text
            .parse()
            .is_ok_and(|number| (least..=most).contains(&number))
    };
    let range = |text: &str| match text.split_once("..") {
        Some((from, to)) => number(from) && number(to),
        None => text == "*" || number(text),
    };
    text.split(',').all(|part| match part.split_once('/') {
        Some((from, step)) => range(from) && step.parse::<u32>().is_ok_and(|step| step > 0),
        None => range(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_reads_is_an_event() {
        // All of them were given to `systemd-analyze calendar` of systemd 252.
        for good in [
            "*-*-* 09:41 UTC",
            "Mon..Fri *-*-* 02:00:00 Europe/Berlin",
            "daily",
            "Daily",
            "weekly UTC",
            "09:41",
            "09:41 UTC",
            "Sat,Sun 03:00",
            "sunday",
            "*-*-01",
            "08-31 04:00",
            "*-02~03",
            "*:0/15",
            "*-*-* *:30:00",
            "2026-08-31",
            "*-*-1,15 05:05",
            "*-1..6-* 00/2:00",
            "Mon-Fri 9:00",
            "@1395716396",
            "*-*~07/1",
            "12..14:10,20",
            "05:40:23.42/3.17",
        ] {
            assert!(is_event(good), "{good}");
        }
        for bad in [
            "",
            " ",
            "tomorrow",
            "now",
            "UTC",
            "3am",
            "3",
            "0 3 * * *",
            "*-*-* 25:00",
            "*-13-01",
            "09:60",
            "every night",
            "Moonday 09:00",
            "09:41 09:42",
            "daily 09:41",
            "+5min",
            "daily\nUTC",
        ] {
            assert!(!is_event(bad), "{bad}");
        }
    }
}
