//! The service on a real directory.

use super::*;
use std::fs;

struct Root {
    _directory: tempfile::TempDir,
    paths: Arc<Paths>,
}

fn root() -> Root {
    let directory = tempfile::tempdir().unwrap();
    let paths = Arc::new(Paths::new(&directory.path().join("data"), &directory.path().join("exec")));
    Root { _directory: directory, paths }
}

impl Root {
    fn open(&self) -> VolumeService {
        VolumeService::open(Arc::clone(&self.paths)).unwrap()
    }

    fn left_behind(&self) -> usize {
        [self.paths.staging(), self.paths.trash()]
            .iter()
            .filter_map(|p| fs::read_dir(p).ok())
            .map(Iterator::count)
            .sum()
    }
}

fn named(name: &str) -> NewVolume {
    NewVolume { name: name.to_owned(), ..NewVolume::default() }
}

fn all() -> Filters {
    Filters::from([("all".to_owned(), vec!["true".to_owned()])])
}

#[test]
fn a_volume_survives_a_restart_and_is_made_once() {
    let root = root();
    let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    let made = root.open().create(NewVolume { labels, ..named("data1") }).unwrap();
    fs::write(made.mountpoint.join("file"), "kept").unwrap();

    let service = root.open();
    assert_eq!(service.inspect("data1").unwrap(), made);
    assert_eq!(service.create(named("data1")).unwrap(), made, "an existing volume is returned as it is");
    assert_eq!(fs::read_to_string(made.mountpoint.join("file")).unwrap(), "kept");
    assert_eq!(root.left_behind(), 0);
}

#[test]
fn a_creation_that_died_half_way_leaves_nothing() {
    let root = root();
    let half_done = root.paths.staging().join("volume-data1-0123456789ab/_data");
    fs::create_dir_all(&half_done).unwrap();
    let of_images = root.paths.staging().join("images-0123456789ab");
    fs::create_dir(&of_images).unwrap();
    let service = root.open();
    assert!(service.inspect("data1").is_err());
    assert!(!half_done.exists());
    assert!(of_images.exists(), "another service's is not ours to remove");
}

#[test]
fn a_used_volume_is_not_removed_and_says_by_whom() {
    let root = root();
    let service = root.open();
    let container = ContainerId::random().unwrap();
    let volume = service.acquire("data1", &container).unwrap();
    let refusal = service.remove("data1").unwrap_err();
    assert_eq!(refusal.to_string(), format!("remove data1: volume is in use - [{container}]"));
    assert_eq!(service.prune(&all()).unwrap(), Pruned::default());
    assert!(volume.mountpoint.is_dir());

    assert_eq!(service.release(&container, true).unwrap(), Vec::<String>::new(), "a named volume stays");
    service.remove("data1").unwrap();
    assert!(!volume.mountpoint.exists());
    assert!(matches!(service.inspect("data1"), Err(VolumeError::NotFound(_))));
    assert!(matches!(service.remove("data1"), Err(VolumeError::NotFound(_))));
    assert_eq!(root.left_behind(), 0);
}

#[test]
fn an_anonymous_volume_goes_with_its_last_container_when_asked() {
    let root = root();
    let service = root.open();
    let [first, second] = [(); 2].map(|()| ContainerId::random().unwrap());
    let volume = service.acquire("", &first).unwrap();
    assert_eq!(volume.name.len(), 64);
    service.acquire(volume.name.as_str(), &second).unwrap();
    assert_eq!(service.release(&first, true).unwrap(), Vec::<String>::new());
    assert_eq!(service.release(&second, true).unwrap(), vec![volume.name.clone()]);
    assert!(!volume.mountpoint.exists());
}

#[test]
fn what_a_crash_left_half_done_goes() {
    let root = root();
    let [maker, other] = [(); 2].map(|()| ContainerId::random().unwrap());
    let (anonymous, named) = {
        let service = root.open();
        (service.acquire("", &maker).unwrap().name, service.acquire("data1", &maker).unwrap().name)
    };

    let service = root.open();
    service.claim(&anonymous, &other).unwrap();
    assert!(matches!(service.claim("nosuch", &other), Err(VolumeError::NotFound(_))));
    service.forsake(&maker).unwrap();
    service.discard(&[anonymous.clone(), named.clone(), "nosuch".to_owned()]).unwrap();
    assert_eq!(service.list(&Filters::new()).unwrap().len(), 2, "one is used, one has a name");

    let service = root.open();
    service.forsake(&maker).unwrap();
    assert_eq!(service.list(&Filters::new()).unwrap().iter().map(|v| &v.name).collect::<Vec<_>>(), [&named]);
    let orphan = service.acquire("", &other).unwrap().name;
    let service = root.open();
    service.discard(&[orphan]).unwrap();
    assert_eq!(service.list(&Filters::new()).unwrap().len(), 1);
    assert_eq!(root.left_behind(), 0);
}

#[test]
fn prune_counts_what_it_frees() {
    let root = root();
    let service = root.open();
    let volume = service.create(NewVolume::default()).unwrap();
    let kept = service.create(named("named")).unwrap();
    fs::write(volume.mountpoint.join("file"), vec![1_u8; 100_000]).unwrap();
    fs::hard_link(volume.mountpoint.join("file"), volume.mountpoint.join("again")).unwrap();
    let pruned = service.prune(&Filters::new()).unwrap();
    assert_eq!(pruned.names, vec![volume.name]);
    assert!((100_000..150_000).contains(&pruned.reclaimed), "{}", pruned.reclaimed);
    assert!(kept.mountpoint.is_dir());
}

#[test]
fn what_local_does_not_do_is_refused() {
    let service = root().open();
    let with =
        |option: &str| NewVolume { options: BTreeMap::from([(option.to_owned(), "x".to_owned())]), ..named("vol") };
    assert_eq!(service.create(with("foo")).unwrap_err().to_string(), "create vol: invalid option: \"foo\"");
    assert!(matches!(service.create(with("device")), Err(VolumeError::UnsupportedOption { .. })));
    let other = NewVolume { driver: "nfs".to_owned(), ..named("vol") };
    assert!(matches!(service.create(other), Err(VolumeError::NoDriver { .. })));
    assert!(service.list(&Filters::new()).unwrap().is_empty());
}

#[test]
fn a_directory_that_is_no_volume_is_left_alone() {
    let root = root();
    let foreign = root.paths.volumes().join("foreign");
    fs::create_dir_all(foreign.join("_data")).unwrap();
    assert!(root.open().list(&Filters::new()).unwrap().is_empty());
    assert!(foreign.join("_data").is_dir());
}
