//! Rows padded to columns, and made to fit a terminal.

use comfy_table::{ContentArrangement, Table, presets};

/// Rows padded to columns, two spaces apart, without white space at the end of a
/// line. One line for each row, however long.
pub fn columns(rows: &[Vec<String>]) -> Vec<String> {
    lines(&table(rows))
}

/// The same within `width` columns of a terminal: long cells go on in the next line
/// of their own column.
pub(super) fn within(rows: &[Vec<String>], width: u16) -> Vec<String> {
    // The two spaces after the last column are cut off again.
    let mut table = table(rows);
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width.saturating_add(2));
    lines(&table)
}

fn table(rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

fn lines(table: &Table) -> Vec<String> {
    if table.is_empty() {
        return Vec::new();
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        let row = |row: &&[&str]| row.iter().map(|cell| (*cell).to_owned()).collect();
        rows.iter().map(row).collect()
    }

    #[test]
    fn columns_line_up() {
        let table = rows(&[&["a", "bb"], &["ccc", "d"], &["e"], &["", "f"]]);
        assert_eq!(columns(&table), ["a    bb", "ccc  d", "e", "     f"]);
        assert_eq!(within(&table, 80), columns(&table));
        assert!(columns(&[]).is_empty());
    }

    #[test]
    fn no_line_runs_over_the_terminal() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        let reason = "OpenZFS 2.3.9 has no modules for kernel 6.12.117-200.fc44.x86_64 yet";
        let table = rows(&[
            &[
                "image",
                "ghcr.io/someone-with-a-long-name/custom-coreos:stable",
            ],
            &["digest", &digest],
            &["zfs", reason, "held since 2026-11-20"],
        ]);
        let wide = columns(&table);
        assert_eq!(wide.len(), 3);
        assert!(wide.iter().any(|line| line.len() > 80));
        let narrow = within(&table, 80);
        assert!(
            narrow.iter().all(|line| line.chars().count() <= 80),
            "{narrow:#?}"
        );
        // Nothing is lost, and the first column stays in one line.
        assert!(
            narrow
                .iter()
                .any(|line| line.starts_with("digest  sha256:"))
        );
        let letters = |lines: &[String]| {
            let mut letters: Vec<char> = lines.concat().chars().collect();
            letters.retain(|letter| !letter.is_whitespace());
            letters.sort_unstable();
            letters
        };
        assert_eq!(letters(&narrow), letters(&wide));
    }
}
