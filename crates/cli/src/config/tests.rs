use super::*;
use std::collections::BTreeMap;
use std::fs;

const FILE: &str = "\
server = ['file:1', '[fd00::1]:2']
cert = 'pki/client.pem'
key = '/etc/key.pem'
ca = '../ca.pem'
format = 'csv'
";

fn load(flags: &Global, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    Settings::load(flags, &|name| variables.get(name).map(|v| (*v).to_owned()))
}

fn in_a_file(text: &str) -> (tempfile::TempDir, Global) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("client.toml");
    fs::write(&path, text).unwrap();
    let flags = Global {
        config: Some(path),
        ..Global::default()
    };
    (directory, flags)
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let (directory, mut flags) = in_a_file(FILE);
    let settings = load(&flags, &[]).unwrap();
    assert_eq!(settings.server.value[0].to_string(), "file:1");
    assert_eq!(settings.server.value[1].to_string(), "[fd00::1]:2");
    assert_eq!(settings.server.source, Source::File);
    assert_eq!(settings.format.value, Some(Format::Csv));

    let variables = [
        ("ROUTER_HOSTS_SERVER", "env:1,env:2"),
        ("ROUTER_HOSTS_CERT", "env.pem"),
        ("ROUTER_HOSTS_KEY", ""),
        ("ROUTER_HOSTS_FORMAT", "json"),
    ];
    let settings = load(&flags, &variables).unwrap();
    assert_eq!(settings.server.value.len(), 2);
    assert_eq!(
        settings.server.source,
        Source::Environment("ROUTER_HOSTS_SERVER")
    );
    assert_eq!(settings.cert.value, Some("env.pem".into()));
    assert_eq!(
        settings.key.source,
        Source::File,
        "an empty variable is unset"
    );
    assert_eq!(settings.format.value, Some(Format::Json));

    flags.server = vec!["flag:1".into()];
    flags.cert = Some("flag.pem".into());
    flags.format = Some(Format::Table);
    let settings = load(&flags, &variables).unwrap();
    assert_eq!(settings.server.value[0].to_string(), "flag:1");
    assert_eq!(settings.server.source, Source::Flag);
    assert_eq!(settings.cert.value, Some("flag.pem".into()));
    assert_eq!(settings.format.value, Some(Format::Table));
    drop(directory);
}

#[test]
fn paths_in_the_file_are_relative_to_it() {
    let (directory, flags) = in_a_file(FILE);
    let settings = load(&flags, &[]).unwrap();
    let path = |relative: &str| Some(directory.path().join(relative));
    assert_eq!(settings.cert.value, path("pki/client.pem"));
    assert_eq!(settings.key.value, Some("/etc/key.pem".into()));
    assert_eq!(settings.ca.value, path("../ca.pem"));
}

#[test]
fn the_file_in_its_usual_place_may_be_absent_and_a_named_one_may_not() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_str().unwrap();
    let settings = load(&Global::default(), &[("HOME", home)]).unwrap();
    assert_eq!(settings.file, None);
    assert_eq!(settings.server.source, Source::Default);

    let absent = directory.path().join("absent.toml");
    let variables = [("ROUTER_HOSTS_CONFIG", absent.to_str().unwrap())];
    assert!(matches!(
        load(&Global::default(), &variables),
        Err(ConfigError::File { .. })
    ));

    let usual = directory.path().join(".config/router-hosts/client.toml");
    fs::create_dir_all(usual.parent().unwrap()).unwrap();
    fs::write(&usual, "server = ['home:1']").unwrap();
    let settings = load(&Global::default(), &[("HOME", home)]).unwrap();
    assert_eq!(settings.file, Some(usual));

    let settings = load(
        &Global::default(),
        &[("HOME", home), ("XDG_CONFIG_HOME", "/nonexistent")],
    );
    assert_eq!(settings.unwrap().file, None);
}

#[test]
fn a_bad_value_is_named_with_its_source() {
    let none = Global::default();
    let refused = load(&none, &[("ROUTER_HOSTS_FORMAT", "yaml")]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`yaml` (environment, ROUTER_HOSTS_FORMAT) is not a format: table, json or csv"
    );
    let refused = load(&none, &[("ROUTER_HOSTS_SERVER", "a:1,b")]).unwrap_err();
    assert!(refused.to_string().contains("ROUTER_HOSTS_SERVER"));
}
