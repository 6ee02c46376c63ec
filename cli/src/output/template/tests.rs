//! Templates render as Go's text/template does for what people write in `--format`.

use serde_json::json;

use super::*;

fn render(template: &str, data: Value) -> String {
    match Template::parse(template).and_then(|t| t.render(&data)) {
        Ok(text) => text,
        Err(error) => format!("ERROR {error}"),
    }
}

#[test]
fn what_people_write_for_inspect() {
    let data = json!({
        "Id": "abc", "Name": "/web", "Args": ["-g", "daemon off;"],
        "State": {"Running": true, "Pid": 42, "Health": null},
        "Config": {"Labels": {"a.b": "c"}, "Env": ["A=1", "B=2"]},
        "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}},
                            "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "90/tcp": null}},
    });
    for (template, expected) in [
        ("{{.State.Running}}", "true"),
        ("{{ .State.Pid }}", "42"),
        ("{{.ID}}", "abc"),
        ("{{.Args}}", "[-g daemon off;]"),
        ("{{.Config.Labels}}", "map[a.b:c]"),
        ("{{.State.Health}}", "<nil>"),
        ("{{json .State}}", r#"{"Running":true,"Pid":42,"Health":null}"#),
        ("{{.Config.Env | json}}", r#"["A=1","B=2"]"#),
        ("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "172.17.0.2"),
        ("{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}};{{end}}", "bridge=172.17.0.2;"),
        (r#"{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}"#, "8080"),
        (
            "{{range $p, $conf := .NetworkSettings.Ports}}{{if $conf}}{{$p}}->{{(index $conf 0).HostPort}}{{else}}-{{end}} {{end}}",
            "80/tcp->8080 - ",
        ),
        (r#"{{index .Config.Labels "a.b"}}"#, "c"),
        (r#"{{join .Args " "}}"#, "-g daemon off;"),
        ("{{range .Config.Env}}{{println .}}{{end}}", "A=1\nB=2\n"),
        (r#"{{if eq .State.Pid 42}}yes{{else}}no{{end}}"#, "yes"),
        (r#"{{if and .State.Running (ne .Name "x")}}up{{end}}"#, "up"),
        ("{{if .State.Health}}h{{else if .State.Running}}r{{else}}n{{end}}", "r"),
        ("{{with .State}}{{.Pid}}/{{$.Id}}{{end}}", "42/abc"),
        ("{{slice .Name 1}}", "web"),
        ("{{.Config.Labels.nosuch}}|{{index .Config.Labels \"nosuch\"}}", "<no value>|"),
        ("{{len .Config.Env}} {{upper .Id}} {{title .Id}}", "2 ABC Abc"),
        (r#"{{printf "%-5s|%3d|%q" .Id .State.Pid .Name}}"#, "abc  | 42|\"/web\""),
        ("a {{- .Id -}} b", "aabcb"),
        ("{{/* nothing */}}x", "x"),
        ("{{$x := .Id}}{{$x}}{{$x = .Name}}{{$x}}", "abc/web"),
        (r#"{{"}}"}}"#, "}}"),
        ("{{range .Config.Env}}{{.}}{{break}}{{end}}", "A=1"),
        (r#"{{(split .Name "/")}}"#, "[ web]"),
    ] {
        assert_eq!(render(template, data.clone()), expected, "{template}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (template, part) in [
        ("{{.a}}", "map has no entry for key \"a\""),
        ("{{.Nope}}", "map has no entry for key \"Nope\""),
        ("{{.A.B.C}}", "nil pointer evaluating interface {}.C"),
        ("{{", "unclosed action"),
        ("{{if .A}}", "unexpected EOF"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{nosuch .A}}", "function \"nosuch\" not defined"),
        ("{{$x}}", "undefined variable"),
        ("{{(.A}}", "unclosed left paren"),
        ("{{index .L 3}}", "index out of range"),
        ("{{}}", "missing value for command"),
        ("{{json}}", "wrong number of args"),
        ("{{nosuch}}", "failed to parse template: template: :1: function"),
        ("{{.Nope}}", "failed to execute template: template: :1: executing"),
    ] {
        let text = render(template, json!({"A": {"B": null}, "L": []}));
        assert!(text.starts_with("ERROR") && text.contains(part), "{template}: {text}");
    }
}

#[test]
fn a_long_tail_of_brackets_does_not_overflow() {
    let deep = format!("{{{{{}.A{}}}}}", "(".repeat(200), ")".repeat(200));
    assert_eq!(render(&deep, json!({"A": 1})), "1");
}
