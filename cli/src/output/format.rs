//! `--format` of the lists: a default table, `table TEMPLATE`, `json`, or a template for each row.

use serde_json::{Map, Value};

use super::table::columns;
use super::template::{Template, TemplateError};

/// The key of a row under which `.Label "name"` looks; never printed.
pub(crate) const LABEL_MAP: &str = "LabelMap";

/// One row: everything that a template may name.
pub(crate) type Row = Map<String, Value>;

/// What kind of list it is: the fields with their titles, and the template of the default table.
pub(crate) struct List {
    pub(crate) titles: &'static [(&'static str, &'static str)],
    pub(crate) table: &'static str,
    /// What `--quiet` prints.
    pub(crate) quiet: &'static str,
    /// What `--format raw` prints; empty where Docker has no such thing.
    pub(crate) raw: &'static str,
}

/// How the user wants to see a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Style<'a> {
    pub(crate) format: Option<&'a str>,
    pub(crate) quiet: bool,
}

impl List {
    /// The text of the whole list.
    pub(crate) fn render(&self, style: &Style<'_>, rows: Vec<Row>) -> Result<String, TemplateError> {
        let format = style.format.unwrap_or("").trim();
        let (is_table, template) = match format.strip_prefix("table") {
            Some(rest) if rest.is_empty() || rest.starts_with(char::is_whitespace) => (true, rest.trim()),
            _ => (format.is_empty(), format),
        };
        let template = match template {
            _ if style.quiet && template.is_empty() => return self.lines(self.quiet, rows),
            "" => self.table,
            "json" => "{{json .}}",
            "raw" if !self.raw.is_empty() => self.raw,
            other => other,
        };
        if !is_table {
            return self.lines(template, rows);
        }
        let parsed = Template::parse(&unescape(template))?;
        let titles = self.titles.iter().map(|(field, title)| ((*field).to_owned(), Value::from(*title))).collect();
        let mut lines = vec![parsed.render_headings(&Value::Object(titles))?];
        for row in rows {
            lines.push(parsed.render(&Value::Object(row))?);
        }
        Ok(columns(&lines))
    }

    fn lines(&self, template: &str, rows: Vec<Row>) -> Result<String, TemplateError> {
        let parsed = Template::parse(&unescape(template))?;
        let mut out = String::new();
        for mut row in rows {
            row.entry(LABEL_MAP).or_insert_with(|| Value::Object(Map::new()));
            out.push_str(&parsed.render(&Value::Object(row))?);
            out.push('\n');
        }
        Ok(out)
    }
}

/// A shell hands `\t` over as two characters; they mean the tab.
pub(crate) fn unescape(template: &str) -> String {
    template.replace("\\t", "\t").replace("\\n", "\n")
}

/// A row from pairs.
pub(crate) fn row<const N: usize>(fields: [(&str, Value); N]) -> Row {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Labels as a row shows them: `a=b,c=d`.
pub(crate) fn labels(map: &std::collections::BTreeMap<String, String>) -> (Value, Value) {
    let text = map.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",");
    let lookup = map.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect();
    (Value::String(text), Value::Object(lookup))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const THINGS: List = List {
        titles: &[("ID", "THING ID"), ("Name", "NAME"), ("Labels", "LABELS")],
        table: "table",
        quiet: "{{.ID}}",
        raw: "name: {{.Name}}\n",
    };

    fn rows() -> Vec<Row> {
        [("1", "one"), ("22", "two")]
            .map(|(id, name)| row([("ID", json!(id)), ("Name", json!(name)), (LABEL_MAP, json!({"com.x.zone": "z"}))]))
            .into()
    }

    fn render(format: &str, quiet: bool) -> String {
        let list = List { table: "{{.ID}}\t{{.Name}}", ..THINGS };
        list.render(&Style { format: Some(format), quiet }, rows()).unwrap()
    }

    #[test]
    fn formats() {
        assert_eq!(render("", false), "THING ID   NAME\n1          one\n22         two\n");
        assert_eq!(render("table", false), render("", false));
        assert_eq!(render("", true), "1\n22\n");
        assert_eq!(render("table {{upper .Name}}\\t{{.ID}}", false), "NAME      THING ID\nONE       1\nTWO       22\n");
        assert_eq!(render("{{.Name}}:\\t{{.ID}}", false), "one:\t1\ntwo:\t22\n");
        assert_eq!(render("json", false), "{\"ID\":\"1\",\"Name\":\"one\"}\n{\"ID\":\"22\",\"Name\":\"two\"}\n");
        assert_eq!(render("raw", false), "name: one\n\nname: two\n\n");
        assert_eq!(render("tablet", false), "tablet\ntablet\n");
        assert_eq!(
            render("table {{.ID}}\\t{{.Label \"com.x.zone\"}}", false),
            "THING ID   zone\n1          z\n22         z\n"
        );
    }
}
