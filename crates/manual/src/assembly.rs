//! The sources of the book as mdBook gets them: links that leave the book lead to
//! the repository, where those files are.

use std::path::Path;

use crate::check::{BOOK, from_folder_of};
use crate::markdown;

/// A page of the book for the web. `path` is its own, below the checkout;
/// `repository` an address such as `https://github.com/OWNER/NAME`.
pub(crate) fn page(path: &Path, text: &str, repository: &str) -> String {
    let mut page = text.to_owned();
    // From the end, so that the places before it stay where they are.
    for link in markdown::read(text).links.iter().rev() {
        if link.target.contains(':') || link.target.starts_with('#') {
            continue;
        }
        let place = from_folder_of(path, &link.target);
        if place.starts_with(BOOK) {
            continue;
        }
        let address = format!("{repository}/blob/HEAD/{}", place.display());
        let whole = &text[link.place.clone()];
        let new = match whole.rfind(&link.target) {
            Some(at) => {
                let end = at + link.target.len();
                format!("{}{address}{}", &whole[..at], &whole[end..])
            }
            None => continue,
        };
        page.replace_range(link.place.clone(), &new);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_book_is_in_the_repository() {
        let text = "[a](../ARCHITECTURE.md#x) [b](b.md) [c](https://c.d) [e](../docs/e.md) \
                    [../f](../f)\n";
        assert_eq!(
            page(Path::new("docs/a.md"), text, "https://h/o/n"),
            "[a](https://h/o/n/blob/HEAD/ARCHITECTURE.md#x) [b](b.md) [c](https://c.d) \
             [e](../docs/e.md) [../f](https://h/o/n/blob/HEAD/f)\n"
        );
    }
}
