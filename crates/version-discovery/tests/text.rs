//! Every text form: what is read back is what was written, and no text from
//! outside can make a parser panic.

use std::fmt::Display;
use std::str::FromStr;

use proptest::prelude::*;
use version_discovery::{
    Arch, DigestRef, Error, FcosVersion, KernelCeiling, KernelVersion, LinuxRange, Series, Stream,
    ZfsVersion,
};

/// Either an error that is safe to print, or the one form of a value.
fn one_form<T: FromStr<Err = Error> + Display>(text: &str) -> Result<(), TestCaseError> {
    match text.parse::<T>() {
        Ok(value) => prop_assert_eq!(value.to_string(), text),
        Err(error) => {
            let shown = error.to_string();
            prop_assert!(!shown.chars().any(char::is_control), "{:?}", shown);
        }
    }
    Ok(())
}

fn all(text: &str) -> Result<(), TestCaseError> {
    one_form::<Arch>(text)?;
    one_form::<DigestRef>(text)?;
    one_form::<FcosVersion>(text)?;
    one_form::<KernelCeiling>(text)?;
    one_form::<KernelVersion>(text)?;
    one_form::<Series>(text)?;
    one_form::<Stream>(text)?;
    one_form::<ZfsVersion>(text)
}

proptest! {
    #[test]
    fn any_text(text in "\\PC{0,120}|[\\x00-\\x7f]{0,60}") {
        all(&text)?;
        let _ = ZfsVersion::from_tag(&text);
        let _ = LinuxRange::from_meta(&text);
    }

    #[test]
    fn nearly_right_text(
        text in "[0-9]{1,11}(\\.[0-9]{1,11}){0,4}(-[0-9a-z._]{1,8})?(\\.(x86_64|aarch64|s390x))?",
    ) {
        all(&text)?;
    }

    #[test]
    fn kernels_compare_in_one_order(
        texts in prop::collection::vec(
            "[0-9]\\.[0-9]{1,2}\\.[0-9]-([0-9a-c._]{1,4}\\.)?[0-9]{1,3}\\.fc4[0-9]\\.(x86_64|aarch64)",
            3,
        ),
    ) {
        let mut kernels = Vec::new();
        for text in &texts {
            let Ok(kernel) = text.parse::<KernelVersion>() else {
                return Ok(());
            };
            kernels.push(kernel);
        }
        for (a, b) in kernels.iter().zip(&kernels[1..]) {
            prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
            prop_assert_eq!(a.cmp(b).is_eq(), a == b);
        }
        let [a, b, c] = &kernels[..] else { return Ok(()) };
        if a <= b && b <= c {
            prop_assert!(a <= c, "{} {} {}", a, b, c);
        }
    }

    #[test]
    fn ranges_are_read_back(minimum in (0_u32..100, 0_u32..100), maximum in (0_u32..100, 0_u32..100)) {
        let (a, b) = minimum;
        let (c, d) = maximum;
        let meta = format!("Name: zfs\nLinux-Maximum: {c}.{d}\nLinux-Minimum:\t{a}.{b}\n");
        prop_assert_eq!(LinuxRange::from_meta(&meta), Ok(LinuxRange { minimum, maximum }));
    }
}
