//! Columns of text: cells padded to the widest of their column, at least ten wide, three apart, as Docker's.

const MIN_WIDTH: usize = 10;
const PADDING: usize = 3;

/// Lays out lines whose cells are separated by tabs. The last cell of a line is not padded.
pub(crate) fn columns(lines: &[String]) -> String {
    columns_with(lines, MIN_WIDTH, PADDING)
}

/// [`columns`] with other distances: Docker's `top` and `history` of old have theirs.
pub(crate) fn columns_with(lines: &[String], min_width: usize, padding: usize) -> String {
    let rows: Vec<Vec<&str>> = lines.iter().map(|line| line.split('\t').collect()).collect();
    let mut widths = Vec::new();
    for row in &rows {
        for (column, cell) in row[..row.len() - 1].iter().enumerate() {
            if widths.len() == column {
                widths.push(min_width);
            }
            widths[column] = widths[column].max(width(cell) + padding);
        }
    }
    let mut out = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            out.push_str(cell);
            if column + 1 < row.len() {
                out.extend(std::iter::repeat_n(' ', widths[column] - width(cell)));
            }
        }
        out.push('\n');
    }
    out
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

/// Cuts to `max` characters, the last of them an ellipsis.
pub(crate) fn ellipsis(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// The first twelve digits of an id, without its algorithm.
pub(crate) fn short_id(id: &str) -> &str {
    let digits = id.split_once(':').map_or(id, |(_, digits)| digits);
    digits.get(..12).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = ["ID\tNAME\tX", "0123456789ab\tn\tlong last cell", "1\ta-longer-name\t"].map(str::to_owned);
        assert_eq!(
            columns(&lines),
            "ID             NAME            X\n\
             0123456789ab   n               long last cell\n\
             1              a-longer-name   \n"
        );
        assert_eq!(columns(&["A\tB".to_owned()]), "A         B\n");
    }

    #[test]
    fn an_ellipsis_counts_characters_not_bytes() {
        assert_eq!(ellipsis("äöü", 3), "äöü");
        assert_eq!(ellipsis("äöüß", 3), "äö…");
        assert_eq!(short_id("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short_id("abc"), "abc");
    }
}
