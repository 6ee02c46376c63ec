//! Loading, importing, saving; also what is damaged or hostile, and what a crash leaves.

use super::*;
use std::io::Write;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// An OCI layout. `spoil` changes the files before they are packed.
fn oci_archive(name: Option<&str>, layers: &[&[u8]], spoil: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Vec<u8> {
    let plain: Vec<Vec<u8>> = layers.iter().map(|layer| layer.to_vec()).collect();
    let config = config(layers);
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut blob = |bytes: &[u8], media_type: &str| {
        let digest = Digest::of(bytes);
        files.push((format!("blobs/sha256/{}", digest.hex()), bytes.to_vec()));
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
    };
    let config = blob(&config, "application/vnd.oci.image.config.v1+json");
    let layers: Vec<_> = plain.iter().map(|l| blob(&gzip(l), "application/vnd.oci.image.layer.v1.tar+gzip")).collect();
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string();
    let mut manifest = blob(manifest.as_bytes(), "application/vnd.oci.image.manifest.v1+json");
    if let Some(name) = name {
        manifest["annotations"] = json!({"io.containerd.image.name": name});
    }
    let other = blob(b"{}", "application/vnd.oci.image.manifest.v1+json");
    let mut attestation = other;
    attestation["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    let index = json!({"schemaVersion": 2, "manifests": [attestation, manifest]}).to_string();
    files.push(("index.json".to_owned(), index.into_bytes()));
    files.push(("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
    spoil(&mut files);
    let entries: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
    tar(&entries)
}

#[test]
fn an_old_docker_archive_is_loaded_and_survives_a_restart() {
    let mut store = Store::new();
    let (one, two) = (layer("one"), layer("two"));
    assert_eq!(
        store.load(&gzip(&docker_archive(&["busybox:1", "x/y:z"], &[&one, &two]))).unwrap(),
        ["busybox:1", "x/y:z"]
    );
    for _ in 0..2 {
        let image = store.service.resolve("busybox:1").unwrap();
        assert_eq!(image.config.config.cmd.as_deref().unwrap(), ["sh"]);
        assert_eq!(store.service.resolve("docker.io/x/y:z").unwrap(), image);
        assert_eq!(store.service.resolve(&image.id.to_string()).unwrap(), image);
        assert_eq!(store.service.resolve(&image.id.short()).unwrap(), image);
        // Top first, short, relative.
        let layers = store.service.layer_paths(&image);
        assert_eq!(fs::read_to_string(layers[0].join("two")).unwrap(), "two");
        assert_eq!(fs::read_to_string(layers[1].join("one")).unwrap(), "one");
        assert!(image.lower_dirs().iter().all(|lower| lower.as_os_str().len() == 18 && lower.is_relative()));
        store.again();
    }
    assert_eq!(store.counts(), (2, 3, 0));
}

#[test]
fn what_is_not_there_is_said_in_dockers_words() {
    let store = Store::new();
    store.load(&docker_archive(&["a:1"], &[&layer("a")])).unwrap();
    let missing = "1".repeat(64);
    for (given, said) in [
        ("a", "No such image: a:latest"),
        ("docker.io/x/a:2", "No such image: x/a:2"),
        ("sha256:12", "No such image: sha256:12"),
        (&missing, &format!("No such image: sha256:{missing}")),
    ] {
        let error = store.service.resolve(given).unwrap_err();
        assert_eq!((error.to_string(), error.kind()), (said.to_owned(), Kind::NotFound));
    }
    let error = store.service.resolve("A B").unwrap_err();
    assert_eq!((error.to_string(), error.kind()), ("invalid reference format".to_owned(), Kind::BadParameter));
}

#[test]
fn an_oci_layout_is_loaded_by_its_name_and_found_by_its_digest() {
    let store = Store::new();
    let base = layer("base");
    let loaded = store.load(&oci_archive(Some("docker.io/library/web:2"), &[&base, &layer("top")], |_| {})).unwrap();
    assert_eq!(loaded, ["web:2"]);
    let inspect = store.service.inspect("web:2").unwrap();
    assert_eq!(inspect.repo_digests.len(), 1);
    assert_eq!(store.service.inspect(&inspect.repo_digests[0]).unwrap().id, inspect.id);
    let nameless = store.load(&oci_archive(None, &[&base], |_| {})).unwrap();
    assert!(nameless[0].starts_with("sha256:"), "{nameless:?}");
    assert_eq!(store.counts().0, 2, "both have the base");
}

#[test]
fn what_lies_about_itself_is_refused_and_leaves_nothing() {
    let store = Store::new();
    let before = store.counts();
    let (good, other) = (layer("good"), layer("other"));
    let tar_of =
        |files: &[(&str, &str)]| tar(&files.iter().map(|(name, text)| (*name, text.as_bytes())).collect::<Vec<_>>());
    let config_of = |files: &Vec<(String, Vec<u8>)>| String::from_utf8(files[0].1.clone()).unwrap();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("does not contain a manifest.json", tar_of(&[("x", "y")])),
        ("invalid tar header", b"<html>not an archive</html>".repeat(100)),
        ("config.json is missing", tar_of(&[("manifest.json", r#"[{"Config":"config.json"}]"#)])),
        ("../../../etc/passwd is missing", tar_of(&[("manifest.json", r#"[{"Config":"../../../etc/passwd"}]"#)])),
        ("parse manifest.json", tar_of(&[("manifest.json", "{")])),
        ("parse index.json", tar_of(&[("index.json", r#"{"manifests":[{"digest":"sha256:../../x"}]}"#)])),
        ("descriptor has no digest", tar_of(&[("index.json", r#"{"manifests":[{}]}"#)])),
        ("bzip2", b"BZh91AY&SY".to_vec()),
        ("has the content", oci_archive(Some("a"), &[&good], |files| files[1].1 = gzip(&layer("bad")))),
        ("is missing", oci_archive(Some("a"), &[&good], |files| drop(files.remove(1)))),
        // The configuration promises another layer than the manifest brings.
        ("has the content", {
            let config = config(&[&other]);
            let manifest = r#"[{"Config":"c","RepoTags":["a:1"],"Layers":["l"]}]"#;
            tar(&[("c", &config), ("l", &good), ("manifest.json", manifest.as_bytes())])
        }),
        ("layers length mismatch: expected 2, got 1", {
            let config = config(&[&good, &other]);
            let manifest = r#"[{"Config":"c","RepoTags":["a:1"],"Layers":["l"]}]"#;
            tar(&[("c", &config), ("l", &good), ("manifest.json", manifest.as_bytes())])
        }),
        ("has 128 layers", {
            let layers = vec![&good[..]; 128];
            docker_archive(&["deep:1"], &layers)
        }),
        (
            "cannot be used on this platform",
            oci_archive(Some("a"), &[&good], |files| {
                // Under the old digest it would be refused for that alone, so the manifest of the other layout names it.
                let config = config_of(files).replace("linux", "plan9");
                let manifest = r#"[{"Config":"c","RepoTags":["a:1"],"Layers":["l"]}]"#.to_owned();
                *files = vec![
                    ("c".into(), config.into()),
                    ("l".into(), layer("good")),
                    ("manifest.json".into(), manifest.into()),
                ];
            }),
        ),
        ("invalid reference format", docker_archive(&["A B"], &[&good])),
    ];
    for (expected, archive) in cases {
        let message = store.load(&archive).expect_err(expected).message();
        assert!(message.contains(expected), "{expected:?} is not in {message:?}");
        assert!(store.service.list(&ListOptions::default()).unwrap().is_empty(), "{expected}");
    }
    store.service.sweep().unwrap();
    assert_eq!(store.counts(), before);
}

#[test]
fn a_loaded_name_moves_from_the_old_image_to_the_new() {
    let store = Store::new();
    store.load(&docker_archive(&["a:1"], &[&layer("old")])).unwrap();
    let old = store.service.resolve("a:1").unwrap();
    let said = Mutex::new(Vec::new());
    let sink = |message: JsonMessage| said.lock().unwrap().push(message.stream);
    store.service.load(&docker_archive(&["a:1"], &[&layer("new")])[..], true, &sink).unwrap();
    let moved = format!("The image a:1 already exists, renaming the old one with ID {} to empty string\n", old.id);
    assert_eq!(*said.lock().unwrap(), [moved, "Loaded image: a:1\n".to_owned()]);
    assert_ne!(store.service.resolve("a:1").unwrap().id, old.id);
    assert!(store.service.names(old.id).is_empty());
}

#[test]
fn progress_names_the_layer_and_ends_at_its_size() {
    let store = Store::new();
    let content = vec![7; 2 << 20];
    let big = tar(&[("big", &content)]);
    let seen = Mutex::new(Vec::new());
    let sink = |message: JsonMessage| seen.lock().unwrap().push(message);
    store.service.load(&docker_archive(&["a:1"], &[&big])[..], false, &sink).unwrap();
    let seen = seen.into_inner().unwrap();
    let layers: Vec<_> = seen.iter().filter(|message| message.status == "Loading layer").collect();
    assert!(layers.len() > 3 && layers.iter().all(|message| message.id == Digest::of(&big).short()));
    let last = layers.last().unwrap().progress_detail.clone().unwrap();
    assert_eq!((last.current, last.total), (big.len() as i64, big.len() as i64));
}

#[test]
fn what_is_saved_loads_again_with_the_same_digests() {
    let store = Store::new();
    store.load(&docker_archive(&["a:1", "a:2", "b:1"], &[&layer("one"), &layer("two")])).unwrap();
    store.load(&oci_archive(Some("c:1"), &[&layer("one")], |_| {})).unwrap();
    let save = |references: &[&str]| {
        let mut out = Vec::new();
        let references: Vec<String> = references.iter().map(|&text| text.to_owned()).collect();
        store.service.save(&references, &mut out).map(|()| out)
    };
    let archive = save(&["a", "c:1"]).unwrap();
    assert_eq!(archive, save(&["c:1", "a:2", "a:1"]).unwrap(), "the same images are the same bytes");
    let other = Store::new();
    let mut loaded = other.load(&archive).unwrap();
    loaded.sort();
    assert_eq!(loaded, ["a:1", "a:2", "c:1"]);
    for name in ["a:2", "c:1"] {
        let (mut before, mut after) = (store.service.inspect(name).unwrap(), other.service.inspect(name).unwrap());
        assert_eq!(before.id, after.id);
        for inspect in [&mut before, &mut after] {
            inspect.repo_tags.retain(|tag| tag != "b:1");
            inspect.repo_digests.clear();
            inspect.metadata = Default::default();
            inspect.graph_driver = Default::default();
        }
        assert_eq!(before, after);
    }
    // Readers that know only Docker's own layout find the same.
    let nameless = save(&[&store.service.resolve("b:1").unwrap().id.to_string()]).unwrap();
    assert!(Store::new().load(&nameless).unwrap()[0].starts_with("sha256:"));
    assert_eq!(save(&["nothing"]).unwrap_err().to_string(), "No such image: nothing:latest");
}

#[test]
fn an_import_is_one_layer_with_its_changes() {
    let store = Store::new();
    let options = ImportOptions {
        repository: Some("mine".to_owned()),
        tag: Some("1".to_owned()),
        changes: vec!["CMD [\"/x\"]".to_owned(), "ENV A=b".to_owned()],
        ..ImportOptions::default()
    };
    let said = Mutex::new(Vec::new());
    let sink = |message: JsonMessage| said.lock().unwrap().push(message.status);
    let id = store.service.import(&gzip(&layer("x"))[..], &options, &sink).unwrap();
    assert_eq!(*said.lock().unwrap(), [id.to_string()]);
    let inspect = store.service.inspect("mine:1").unwrap();
    let config = inspect.config.unwrap();
    assert_eq!((config.cmd.unwrap(), config.env), (vec!["/x".to_owned()], vec!["A=b".to_owned()]));
    assert_eq!(
        (&inspect.comment[..], inspect.root_fs.layers),
        ("Imported from -", vec![Digest::of(&layer("x")).to_string()])
    );
    assert_eq!(store.service.history("mine:1").unwrap()[0].tags, ["mine:1"]);

    let before = store.counts();
    let bad = ImportOptions { changes: vec!["RUN x".to_owned()], ..ImportOptions::default() };
    assert_eq!(store.service.import(&b""[..], &bad, &|_| {}).unwrap_err().kind(), Kind::BadParameter);
    assert!(store.service.import(&b"garbage".repeat(100)[..], &ImportOptions::default(), &|_| {}).is_err());
    assert_eq!(store.counts(), before);
}

#[test]
fn what_a_crash_left_is_cleared_and_a_broken_image_spares_the_others() {
    let mut store = Store::new();
    store.load(&docker_archive(&["a:1"], &[&layer("a")])).unwrap();
    store.load(&docker_archive(&["b:1"], &[&layer("b")])).unwrap();
    let broken = store.service.resolve("b:1").unwrap();
    let whole = store.counts();
    let data = store.root.path().join("data");
    fs::create_dir_all(data.join("staging/images-1234/layer/diff")).unwrap();
    fs::create_dir_all(data.join("trash/images-5678/diff")).unwrap();
    fs::create_dir_all(data.join("staging/volumes-1")).unwrap();
    fs::write(data.join("blobs/sha256/half.new"), "x").unwrap();
    fs::write(data.join("blobs/sha256").join(Digest::of(b"nobody's").hex()), "nobody's").unwrap();
    store.again();
    assert_eq!(store.counts(), (whole.0, whole.1, 1), "and another service's directory stays");

    fs::remove_file(data.join("blobs/sha256").join(broken.id.hex())).unwrap();
    store.again();
    assert!(store.service.resolve("a:1").is_ok());
    assert_eq!(store.service.resolve("b:1").unwrap_err().kind(), Kind::NotFound);
    store.load(&docker_archive(&["b:1"], &[&layer("b")])).unwrap();
    assert_eq!(store.service.resolve("b:1").unwrap().id, broken.id);
}

#[test]
fn loads_at_once_and_removals_between_them_end_whole() {
    let store = Store::new();
    let archives: Vec<Vec<u8>> =
        (0..4).map(|n| docker_archive(&[&format!("i{n}:1")], &[&layer("base"), &layer(&format!("own{n}"))])).collect();
    std::thread::scope(|scope| {
        for (n, archive) in archives.iter().enumerate() {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..5 {
                    store.load(archive).unwrap();
                    store.service.remove(&format!("i{n}:1"), false, false, &[]).unwrap();
                }
                store.load(archive).unwrap();
            });
        }
    });
    store.service.sweep().unwrap();
    for n in 0..4 {
        let image = store.service.resolve(&format!("i{n}:1")).unwrap();
        let layers = store.service.layer_paths(&image);
        assert!(layers[0].join(format!("own{n}")).exists() && layers[1].join("base").exists());
    }
    assert_eq!(store.counts(), (5, 4 + 5, 0));
}
