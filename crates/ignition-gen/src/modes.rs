//! File modes that were meant in octal and written in decimal.

/// Whether a mode is one that people commonly give.
///
/// The rule of the reference: whoever is closer to the file has at least the
/// bits of those further away; write and execute only where there is read;
/// who may read what another may execute, may execute it too; and special
/// bits only where they do something harmless.
fn typical(mode: i64, directory: bool) -> bool {
    if mode == 0 {
        return true;
    }
    let classes = [mode & 7, mode >> 3 & 7, mode >> 6 & 7];
    let mut seen = 0;
    for bits in classes {
        let unreadable = bits & 3 != 0 && bits & 4 == 0;
        let half = bits & 1 != 0 && seen & 4 != 0 && seen & 1 == 0;
        if seen & !bits != 0 || unreadable || half {
            return false;
        }
        seen |= bits;
    }
    let (readable, writable, executable) = (seen & 4 != 0, seen & 2 != 0, seen & 1 != 0);
    let special = if directory {
        executable && mode & 0o4000 == 0 && (mode & 0o3000 == 0 || writable)
    } else {
        mode & 0o1000 == 0 && (mode & 0o6000 == 0 || executable && mode & 2 == 0)
    };
    readable && special
}

/// The number whose octal digits are the decimal digits of `mode`.
fn as_octal(mode: i64) -> Option<i64> {
    (0..=7777)
        .contains(&mode)
        .then(|| i64::from_str_radix(&mode.to_string(), 8).ok())
        .flatten()
}

/// Whether nobody would want `mode`, but the octal number of the same digits.
pub(crate) fn looks_decimal(mode: i64, directory: bool) -> bool {
    !typical(mode, directory) && as_octal(mode).is_some_and(|octal| typical(octal, directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_looks_odd() {
        assert!(looks_decimal(644, false));
        assert!(looks_decimal(755, true));
        assert!(!looks_decimal(644, true));
        for mode in [0, 0o644, 420, 888, 0o10000, 99_999, -1] {
            assert!(!looks_decimal(mode, false), "{mode}");
        }
    }

    #[test]
    fn typical_modes_are_few() {
        let count = |directory| {
            (1..=0o7777)
                .filter(|mode| typical(*mode, directory))
                .count()
        };
        assert_eq!((count(true), count(false)), (27, 42));
    }
}
