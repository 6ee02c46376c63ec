//! What every dashboard must have, checked on its JSON: Grafana itself is in no package archive.

use super::names;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;

/// Units of Grafana's list that these dashboards use; a unit that Grafana does not know is shown as text behind numbers.
const UNITS: [&str; 7] = ["short", "percentunit", "s", "bytes", "Bps", "ops", "none"];

/// Kinds of panels that are in every Grafana.
const PANELS: [&str; 6] = ["timeseries", "stat", "bargauge", "table", "heatmap", "gauge"];

/// Variables that links between dashboards carry along; `name` takes several values.
const VARIABLES: [&str; 4] = ["datasource", "job", "instance", "name"];

/// Grafana's grid.
const COLUMNS: u64 = 24;

/// Everything that is wrong with a dashboard.
///
/// # Errors
/// When it is not JSON.
pub(crate) fn problems(json: &str, families: &BTreeSet<String>) -> Result<Vec<String>> {
    let dashboard: Value = serde_json::from_str(json).context("not JSON")?;
    let mut problems = Vec::new();
    for field in ["uid", "title", "description"] {
        if text(&dashboard[field]).is_empty() {
            problems.push(format!("the dashboard has no {field}"));
        }
    }
    variables(&dashboard, &mut problems);
    frame(&dashboard, &mut problems);
    let panels: Vec<&Value> = list(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row").collect();
    if panels.is_empty() {
        problems.push("it has no panel".to_owned());
    }
    let mut ids = BTreeSet::new();
    for panel in panels {
        let mut wrong = Vec::new();
        if !ids.insert(panel["id"].as_u64()) {
            wrong.push("its id is taken".to_owned());
        }
        self::panel(panel, families, &mut wrong);
        problems.extend(wrong.into_iter().map(|problem| format!("panel {:?}: {problem}", text(&panel["title"]))));
    }
    Ok(problems)
}

fn variables(dashboard: &Value, problems: &mut Vec<String>) {
    let variables = list(&dashboard["templating"]["list"]);
    for name in VARIABLES {
        match variables.iter().find(|variable| variable["name"] == name) {
            None => problems.push(format!("it has no variable {name}")),
            Some(variable) if name == "name" && variable["multi"] != true => {
                problems.push("its variable name takes one value only".to_owned());
            }
            Some(variable) if name != "datasource" && variable["datasource"]["uid"] != "${datasource}" => {
                problems.push(format!("its variable {name} has a data source of its own"));
            }
            Some(_) => {}
        }
    }
}

/// Annotations, and links that keep the variables.
fn frame(dashboard: &Value, problems: &mut Vec<String>) {
    for name in ["OOM kills", "Starts"] {
        if !list(&dashboard["annotations"]["list"]).iter().any(|annotation| annotation["name"] == name) {
            problems.push(format!("it has no annotation {name:?}"));
        }
    }
    let links = list(&dashboard["links"]);
    if !links.iter().any(|link| link["includeVars"] == true && link["keepTime"] == true) {
        problems.push("it has no link that keeps variables and time".to_owned());
    }
}

fn panel(panel: &Value, families: &BTreeSet<String>, wrong: &mut Vec<String>) {
    if !PANELS.contains(&text(&panel["type"])) {
        wrong.push(format!("kind {:?} is not in every Grafana", text(&panel["type"])));
    }
    for field in ["title", "description"] {
        if text(&panel[field]).is_empty() {
            wrong.push(format!("no {field}"));
        }
    }
    let unit = text(&panel["fieldConfig"]["defaults"]["unit"]);
    if !UNITS.contains(&unit) {
        wrong.push(format!("unit {unit:?}"));
    }
    if panel["datasource"]["uid"] != "${datasource}" {
        wrong.push("a data source of its own".to_owned());
    }
    let place = |key: &str| panel["gridPos"][key].as_u64().unwrap_or(COLUMNS + 1);
    if place("x") + place("w") > COLUMNS {
        wrong.push("outside the grid".to_owned());
    }
    let targets = list(&panel["targets"]);
    if targets.is_empty() {
        wrong.push("no query".to_owned());
    }
    for target in targets {
        let expr = text(&target["expr"]);
        wrong.extend(names::unknown(expr, families).into_iter().map(|name| format!("{name} is not served")));
        wrong.extend(query(expr));
    }
    // A panel that promises a limit draws one.
    if text(&panel["title"]).contains("against") && panel["type"] == "timeseries" {
        let drawn = targets.iter().any(|target| text(&target["legendFormat"]).contains("limit"));
        let dashed = panel["fieldConfig"]["overrides"].to_string().contains("dash");
        if !drawn || !dashed {
            wrong.push("no line for the limit".to_owned());
        }
    }
}

/// What is wrong with a query's form.
fn query(expr: &str) -> Option<String> {
    if expr.is_empty() {
        return Some("an empty query".to_owned());
    }
    // A fixed window is too short for a slow scrape and hides detail of a fast one.
    let windows = expr.split('[').skip(1).filter_map(|rest| rest.split(']').next());
    let fixed = windows.into_iter().find(|window| !["$__rate_interval", "$__range"].contains(window));
    if let Some(window) = fixed {
        return Some(format!("a window of its own: [{window}]"));
    }
    let balanced = |open: char, close: char| expr.matches(open).count() == expr.matches(close).count();
    (!balanced('(', ')') || !balanced('{', '}')).then(|| format!("unbalanced: {expr}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dashboard(panel: Value) -> Value {
        let variable = |name: &str| json!({"name": name, "multi": true, "datasource": {"uid": "${datasource}"}});
        json!({
            "uid": "u", "title": "t", "description": "d",
            "templating": {"list": VARIABLES.map(variable)},
            "annotations": {"list": [{"name": "OOM kills"}, {"name": "Starts"}]},
            "links": [{"includeVars": true, "keepTime": true}],
            "panels": [panel],
        })
    }

    fn good() -> Value {
        json!({
            "id": 1, "type": "timeseries", "title": "CPU", "description": "why", "datasource": {"uid": "${datasource}"},
            "gridPos": {"x": 0, "y": 0, "w": 24, "h": 8},
            "fieldConfig": {"defaults": {"unit": "s"}, "overrides": []},
            "targets": [{"expr": "rate(container_a_total{name=~\"$name\"}[$__rate_interval])", "legendFormat": "a"}],
        })
    }

    fn check(panel: Value) -> Vec<String> {
        let families = BTreeSet::from(["container_a_total".to_owned()]);
        problems(&dashboard(panel).to_string(), &families).unwrap()
    }

    #[test]
    fn a_good_panel_passes_and_each_fault_is_named() {
        assert_eq!(check(good()), Vec::<String>::new());
        for (pointer, value, expected) in [
            ("/fieldConfig/defaults/unit", json!("furlong"), "unit"),
            ("/description", json!(""), "no description"),
            ("/targets/0/expr", json!("container_b_total"), "is not served"),
            ("/targets/0/expr", json!("rate(container_a_total[5m])"), "a window of its own"),
            ("/targets/0/expr", json!("rate(container_a_total"), "unbalanced"),
            ("/targets", json!([]), "no query"),
            ("/gridPos/x", json!(1), "outside the grid"),
            ("/title", json!("CPU against its limit"), "no line for the limit"),
            ("/datasource/uid", json!("abc"), "data source"),
        ] {
            let mut panel = good();
            *panel.pointer_mut(pointer).unwrap() = value;
            let found = check(panel);
            assert!(found.len() == 1 && found[0].contains(expected), "{pointer}: {found:?}");
        }
    }
}
