use std::collections::BTreeSet;
use std::io::Write as _;

use super::options::SECTIONS;
use super::*;

const LEAST: [(&str, &str); 2] =
    [("LANDLORD_ROOT_KEY_FILE", "/keys/root"), ("LANDLORD_DATABASE__URL", "postgres://secret@db/x")];

fn with(file: Option<&str>, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut written = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    written.write_all(file.unwrap_or_default().as_bytes()).unwrap();
    let variables = LEAST.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let flags: Vec<_> = flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Config::from_sources(file.map(|_| written.path()), variables, &flags)
}

fn problem(file: Option<&str>, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    with(file, variables, flags).and_then(|config| config.check_serving()).unwrap_err().to_string()
}

#[test]
fn defaults_hold_where_nothing_is_said() {
    let config = with(None, &[], &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(config.tokens.refresh_seconds, 2_592_000);
    assert_eq!(config.database.url.expose(), "postgres://secret@db/x");
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "listen = '127.0.0.1:1'\n[database]\npool_size = 1\n[operations]\nworkers = 1\n";
    let environment = [("LANDLORD_DATABASE__POOL_SIZE", "2"), ("LANDLORD_LISTEN", "[::1]:2")];
    let config = with(Some(file), &environment, &[("listen", "127.0.0.1:3")]).unwrap();
    assert_eq!((config.operations.workers, config.database.pool_size), (1, 2));
    assert_eq!(config.listen.to_string(), "127.0.0.1:3");
}

#[test]
fn texts_stay_texts_and_switches_are_read() {
    let environment = [
        ("LANDLORD_TOKENS__ISSUER", "007"),
        ("LANDLORD_REFLECTION", "false"),
        ("LANDLORD_TELEMETRY__SAMPLE_RATIO", "1"),
    ];
    let config = with(None, &environment, &[("telemetry.log_format", "json")]).unwrap();
    assert_eq!((config.tokens.issuer.as_str(), config.reflection), ("007", false));
    assert_eq!((config.telemetry.sample_ratio, config.telemetry.log_format), (1.0, LogFormat::Json));
}

#[test]
fn a_wrong_option_is_named_with_where_it_came_from() {
    let unknown = problem(Some("[database]\npool = 3\n"), &[], &[]);
    assert!(unknown.contains("database.pool: there is no such option") && unknown.contains("pool_size"), "{unknown}");
    assert!(unknown.contains(".toml"), "{unknown}");
    let unknown = problem(None, &[("LANDLORD_DATABASE__POOL", "3")], &[]);
    assert!(unknown.contains("LANDLORD_DATABASE__POOL:") && unknown.contains("database.pool:"), "{unknown}");
    let unknown = problem(None, &[("LANDLORD_LISTN", "x")], &[]);
    assert!(unknown.contains("LANDLORD_LISTN") && unknown.contains("listn"), "{unknown}");
    let unknown = problem(None, &[], &[("telemetry.colour", "on")]);
    assert!(unknown.contains("flag: telemetry.colour"), "{unknown}");
    let wrong = problem(None, &[("LANDLORD_DATABASE__POOL_SIZE", "many")], &[]);
    assert!(wrong.contains("LANDLORD_DATABASE__POOL_SIZE: database.pool_size"), "{wrong}");
    let wrong = problem(Some("listen = 'here'\n"), &[], &[]);
    assert!(wrong.contains("listen") && wrong.contains(".toml"), "{wrong}");
    let broken = problem(Some("listen = \n"), &[], &[]);
    assert!(broken.contains(".toml") && broken.contains("line 1"), "{broken}");
}

#[test]
fn bounds_are_kept() {
    let cases = [
        ("tls.cert_file", "/cert", "tls.key_file"),
        ("tls.client_ca_file", "/clients", "tls.client_ca_file"),
        ("tls.reload_seconds", "0", "tls.reload_seconds"),
        ("operations.heartbeat_ms", "5000", "operations.heartbeat_ms"),
        ("telemetry.sample_ratio", "1.5", "telemetry.sample_ratio"),
        ("public_url", "localhost", "public_url"),
        ("domains.tls_port", "0", "domains.tls_port"),
        ("domains.timeout_ms", "0", "domains.timeout_ms"),
        ("domains.silent_checks", "0", "domains.silent_checks"),
        ("domains.name_servers", "dns.example", "domains.name_servers"),
        ("identity.timeout_ms", "0", "identity.timeout_ms"),
        ("identity.refetch_seconds", "0", "identity.refetch_seconds"),
        ("identity.keys_seconds", "9", "identity.keys_seconds"),
        ("identity.keys_keep_seconds", "299", "identity.keys_keep_seconds"),
        ("root_key_file", "", "LANDLORD_ROOT_KEY_FILE"),
        ("database.url", "", "LANDLORD_DATABASE__URL"),
    ];
    for (option, value, named) in cases {
        let problem = problem(None, &[], &[(option, value)]);
        assert!(problem.contains(named), "{problem}");
    }
}

#[test]
fn options_of_mail_that_contradict_each_other_are_named() {
    let host = ("LANDLORD_MAIL__SMTP__HOST", "mail");
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[host, ("LANDLORD_MAIL__FOLDER", "/mail")], "mail.folder must not be set together with mail.smtp.host"),
        (&[("LANDLORD_MAIL__SMTP__PORT", "25")], "mail.smtp.port needs mail.smtp.host"),
        (&[("LANDLORD_MAIL__SMTP__CA_FILE", "/ca")], "mail.smtp.ca_file needs mail.smtp.host"),
        (&[host, ("LANDLORD_MAIL__SMTP__USER_NAME", "me")], "mail.smtp.password_file is required"),
        (&[host, ("LANDLORD_MAIL__SMTP__PASSWORD_FILE", "/pw")], "mail.smtp.user_name is required"),
        (&[host, ("LANDLORD_MAIL__SMTP__TIMEOUT_SECONDS", "0")], "mail.smtp.timeout_seconds must be from 1"),
        (&[host, ("LANDLORD_MAIL__SMTP__TLS", "maybe")], "LANDLORD_MAIL__SMTP__TLS: mail.smtp.tls"),
        (
            &[host, ("LANDLORD_MAIL__SMTP__TLS", "none"), ("LANDLORD_MAIL__SMTP__CA_FILE", "/ca")],
            "mail.smtp.tls must not",
        ),
    ];
    for (variables, wanted) in cases {
        let problem = problem(None, variables, &[]);
        assert!(problem.contains(wanted), "{problem}");
    }
    let unencrypted = [host, ("LANDLORD_MAIL__SMTP__TLS", "none")];
    let log_in = [("LANDLORD_MAIL__SMTP__USER_NAME", "me"), ("LANDLORD_MAIL__SMTP__PASSWORD_FILE", "/pw")];
    let both: Vec<_> = unencrypted.into_iter().chain(log_in).collect();
    assert!(problem(None, &both, &[]).contains("mail.smtp.tls must not be none with mail.smtp.user_name"));
    let config = with(None, &unencrypted, &[]).unwrap();
    assert_eq!((config.mail.smtp.host.as_deref(), config.mail.smtp.tls), (Some("mail"), SmtpTls::None));
}

#[test]
fn variables_that_kubernetes_and_tests_make_are_no_options() {
    let links = [
        ("LANDLORD_SERVICE_HOST", "10.0.0.1"),
        ("LANDLORD_SERVICE_PORT_GRPC", "50051"),
        ("LANDLORD_PORT", "tcp://10.0.0.1:50051"),
        ("LANDLORD_PORT_50051_TCP_ADDR", "10.0.0.1"),
        ("LANDLORD_HTTP_PORT_9090_TCP", "tcp://10.0.0.1:9090"),
        ("LANDLORD_CONFIG", "/etc/landlord.toml"),
        ("LANDLORD_KILL_AT", "step.after:2"),
        ("LANDLORD_STOP_AT", "mail.before"),
    ];
    assert!(with(None, &links, &[]).is_ok());
}

#[test]
fn secrets_come_from_files_and_are_not_shown() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"postgres://hunter2@db/x\n").unwrap();
    let path = file.path().to_str().unwrap();
    let config = with(None, &[], &[("database.migration_url_file", path)]).unwrap();
    assert_eq!(config.database.migration_url.as_ref().unwrap().expose(), "postgres://hunter2@db/x");
    for shown in [config.render().unwrap(), format!("{config:?}")] {
        assert!(!shown.contains("hunter2") && !shown.contains("secret@"), "{shown}");
        assert!(shown.contains("(hidden)"), "{shown}");
    }
    assert!(problem(None, &[], &[("database.url_file", path)]).contains("both set"));
    let missing = problem(None, &[], &[("database.migration_url_file", "/nowhere/at/all")]);
    assert!(missing.contains("/nowhere/at/all") && missing.contains("database.migration_url_file"), "{missing}");
}

#[test]
fn what_is_shown_can_be_read_again() {
    let shown = with(None, &[("LANDLORD_TOKENS__ISSUER", "me")], &[]).unwrap().render().unwrap();
    assert_eq!(with(Some(&shown), &[], &[]).unwrap().tokens.issuer, "me");
}

#[test]
fn every_option_is_documented() {
    fn collect(prefix: &str, value: &serde_json::Value, there: &mut BTreeSet<String>) {
        for (name, value) in value.as_object().unwrap() {
            match value.is_object() {
                true => collect(&format!("{prefix}{name}."), value, there),
                false => drop(there.insert(format!("{prefix}{name}"))),
            }
        }
    }
    let mut there = BTreeSet::new();
    collect("", &serde_json::to_value(Config::default()).unwrap(), &mut there);
    let sections =
        SECTIONS.iter().flat_map(|(name, options)| options.iter().map(move |(key, _)| format!("{name}.{key}")));
    let all = Config::OPTIONS.iter().map(|(name, _)| (*name).to_owned()).chain(sections);
    let plain = all.filter(|name| SECTIONS.iter().all(|(section, _)| section != name));
    assert_eq!(there, plain.collect());
}

#[test]
fn the_handbook_says_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = document().unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, page, "run the tests once with UPDATE_GOLDEN=1 and commit docs/configuration.md");
}
