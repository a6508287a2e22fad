use super::*;
use proptest::prelude::*;

/// A report as IAM writes it, from a real account; the names are examples.
const REAL: &str = "\
user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated,additional_credentials_info
<root_account>,arn:aws:iam::123456789012:root,2014-04-21T10:00:00+00:00,not_supported,2025-12-01T10:00:00+00:00,not_supported,not_supported,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A,N/A
\"doe,jane\",\"arn:aws:iam::123456789012:user/staff/doe,jane\",2020-01-01T00:00:00+00:00,true,no_information,2020-01-01T00:00:00+00:00,N/A,false,true,2025-01-01T00:00:00+00:00,2026-01-02T03:04:00+00:00,eu-west-1,s3,false,2024-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,false,N/A,N/A
";

fn now() -> Timestamp {
    "2026-01-05T04:00:00Z".parse().unwrap()
}

fn refused(text: &str) -> String {
    match read(text.as_bytes(), (now(), now())) {
        Err(error) => error.to_string(),
        Ok(report) => report.unreadable[0].why.clone(),
    }
}

#[test]
fn a_report_as_iam_writes_it() {
    let report = read(REAL.as_bytes(), (now(), now())).unwrap();
    assert_eq!(
        (report.account.as_str(), report.partition.as_str(), report.generated),
        ("123456789012", "aws", now())
    );
    assert_eq!(report.root, []);
    let [jane] = &report.users[..] else { panic!("{report:?}") };
    assert_eq!(
        (jane.arn.name().as_str(), jane.password, jane.mfa),
        ("doe,jane", Some(true), false)
    );
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let used = LastUse::At {
        when: at("2026-01-02T03:04:00Z"),
        service: "s3".into(),
        region: "eu-west-1".into(),
    };
    let first =
        ReportedKey { slot: 1, active: true, rotated: at("2025-01-01T00:00:00Z"), last_use: used };
    let second = ReportedKey {
        slot: 2,
        active: false,
        rotated: at("2024-01-01T00:00:00Z"),
        last_use: LastUse::NoRecord,
    };
    assert_eq!(jane.keys, [first, second]);
}

#[test]
fn a_time_after_the_report_and_a_report_without_the_root_user_are_not_believed() {
    for (from, to) in [
        ("2025-01-01T00:00:00+00:00", "2036-01-01T00:00:00+00:00"),
        ("2026-01-02T03:04:00+00:00", "2026-01-05T05:01:00+00:00"),
    ] {
        let said = refused(&REAL.replacen(from, to, 1));
        assert!(said.contains("expected a time in the past"), "{said}");
    }
    let soon = REAL.replacen("2026-01-02T03:04:00+00:00", "2026-01-05T04:30:00+00:00", 1);
    assert_eq!(read(soon.as_bytes(), (now(), now())).unwrap().unreadable, []);
    let cut: String = REAL
        .lines()
        .filter(|line| !line.starts_with(ROOT))
        .fold(String::new(), |all, line| all + line + "\n");
    let report = read(cut.as_bytes(), (now(), now())).unwrap();
    assert_eq!((report.users.len(), report.unreadable.len()), (1, 1));
    assert_eq!(report.unreadable[0].user, ROOT);
}

#[test]
fn an_error_names_the_line_and_column() {
    let with = |from: &str, to: &str| {
        assert!(REAL.contains(from), "{from}");
        refused(&REAL.replacen(from, to, 1))
    };
    assert_eq!(with("mfa_active", "mfa"), "the report has no column mfa_active");
    assert_eq!(with("cert_1_active", "user"), "the report has the column user twice");
    assert_eq!(
        with("true,2025-01-01T00:00:00+00:00", "yes,2025-01-01T00:00:00+00:00"),
        "line 3 of the report, column access_key_1_active: \"yes\", expected true, false or not_supported"
    );
    assert_eq!(
        with("true,2025-01-01T00:00:00+00:00", "no_information,2025-01-01T00:00:00+00:00"),
        "line 3 of the report, column access_key_1_active: \"no_information\", expected true or false, because the key has a creation time"
    );
    assert_eq!(
        with("true,2025-01-01T00:00:00+00:00", "true,N/A"),
        "line 3 of the report, column access_key_1_last_rotated: \"N/A\", expected a time, because the key is Active"
    );
    assert!(
        with("2026-01-02T03:04:00+00:00", "yesterday")
            .contains("access_key_1_last_used_date: \"yesterday\"")
    );
    assert!(
        with("user/staff/doe,jane", "user/staff/john")
            .contains("the ARN of the user in the column user")
    );
    assert!(with("123456789012:user", "210987654321:user").contains("of the same account"));
    assert!(
        with("arn:aws:iam::123456789012:root", "root").contains("line 2 of the report, column arn")
    );
    assert_eq!(
        with(",N/A,N/A\n", ",N/A\n"),
        "the report is not CSV in line 2: 22 columns, expected 23"
    );
    let twice = format!("{REAL}{}\n", REAL.lines().nth(2).unwrap());
    assert_eq!(refused(&twice), "line 4 of the report has user doe,jane a second time");
    assert_eq!(
        refused(REAL.lines().next().unwrap()),
        "the report names no account: it has no root user and no user"
    );
    assert_eq!(refused(""), "the report has no column user");
}

#[test]
fn a_row_that_cannot_be_read_is_one_unknown_user() {
    let others = REAL.lines().nth(2).unwrap().replace("doe,jane", "john");
    let known = |text: &[u8]| {
        let report = read(text, (now(), now())).unwrap();
        let names = |user: &ReportedUser| user.arn.name().to_string();
        let users: Vec<_> = report.users.iter().map(names).collect();
        let unreadable: Vec<_> = report.unreadable.into_iter().map(|row| row.user).collect();
        (users, unreadable)
    };
    let whole = format!("{REAL}{others}\n");
    for (from, to) in [
        ("true,2025-01-01T00:00:00+00:00", "perhaps,2025-01-01T00:00:00+00:00"),
        ("eu-west-1,s3", "eu-west-1,s3,more"),
        ("2026-01-02T03:04:00+00:00", "yesterday"),
        ("arn:aws:iam::123456789012:user/staff/doe,jane", "nobody"),
    ] {
        let text = whole.replacen(from, to, 1);
        assert_ne!(text, whole, "{from}");
        assert_eq!(known(text.as_bytes()), (vec!["john".into()], vec!["doe,jane".into()]), "{to}");
    }
    let mut bytes = whole.clone().into_bytes();
    let at = whole.find("eu-west-1").unwrap();
    bytes[at] = 0xFF;
    assert_eq!(known(&bytes), (vec!["john".into()], vec!["doe,jane".into()]));
    // If two rows have the same name, neither counts as the user's.
    let twice = format!("{whole}{others}\n");
    assert_eq!(known(twice.as_bytes()), (vec!["doe,jane".into()], vec!["john".into()]));
    // This also applies to the root user.
    let root = whole.replacen("true,false,N/A", "true,perhaps,N/A", 1);
    let (users, unreadable) = known(root.as_bytes());
    assert_eq!((users.len(), unreadable), (2, vec!["<root_account>".to_owned()]));
}

#[test]
fn commas_in_names_and_paths_need_no_quotes() {
    let bare = REAL.replace('"', "");
    assert_ne!(bare, REAL);
    assert_eq!(read(bare.as_bytes(), (now(), now())), read(REAL.as_bytes(), (now(), now())));
    let path = bare.replace("user/staff/", "user/a,b/");
    assert_eq!(read(path.as_bytes(), (now(), now())).unwrap().users[0].arn.path(), "/a,b/");
    // A row that does not fit is still refused.
    let cut = bare.replace("doe,jane,arn", "doe,arn");
    assert!(refused(&cut).contains("line 3: 24 columns, expected 23"), "{}", refused(&cut));
}

#[test]
fn the_root_users_keys_and_unknown_uses_are_read() {
    let root = "true,false,N/A,N/A,N/A,N/A,false";
    assert!(REAL.contains(root));
    let keyed = "true,TRUE,2016-01-01T00:00:00+00:00,no_information,N/A,N/A,false";
    let report = read(REAL.replacen(root, keyed, 1).as_bytes(), (now(), now())).unwrap();
    assert!(report.root[0].active && matches!(report.root[0].last_use, LastUse::Unknown(_)));
}

fn any_key(slot: u8) -> impl Strategy<Value = ReportedKey> {
    let second = 1_400_000_000_i64..now().timestamp();
    let time = |at| Timestamp::from_timestamp(at, 0).unwrap();
    let last = prop_oneof![
        Just(LastUse::NoRecord),
        (second.clone(), "[a-z0-9,\"-]{1,9}", "[a-z0-9-]{1,9}")
            .prop_map(move |(at, service, region)| LastUse::At { when: time(at), service, region })
    ];
    (any::<bool>(), second, last).prop_map(move |(active, at, last_use)| ReportedKey {
        slot,
        active,
        rotated: time(at),
        last_use,
    })
}

fn any_report() -> impl Strategy<Value = CredentialReport> {
    let keys = || {
        (proptest::option::of(any_key(1)), proptest::option::of(any_key(2)))
            .prop_map(|(a, b)| a.into_iter().chain(b).collect())
    };
    let user =
        ("[A-Za-z0-9+=,.@_-]{1,12}", keys(), proptest::option::of(any::<bool>()), any::<bool>());
    (keys(), proptest::collection::vec(user, 0..5)).prop_map(|(root, users)| {
        let mut seen = std::collections::BTreeSet::new();
        let users = users.into_iter().filter(|(name, ..)| seen.insert(name.clone())).map(
            |(name, keys, password, mfa)| {
                let arn =
                    UserArn::parse(format!("arn:aws-cn:iam::123456789012:user/a/{name}")).unwrap();
                ReportedUser { arn, password, mfa, keys }
            },
        );
        CredentialReport {
            generated: now(),
            account: "123456789012".into(),
            partition: "aws-cn".into(),
            root,
            users: users.collect(),
            unreadable: Vec::new(),
            not_renewed: None,
        }
    })
}

proptest! {
    #[test]
    fn a_written_report_is_read_back(report in any_report()) {
        let text = write(&report).unwrap();
        prop_assert_eq!(read(&text, (now(), now())), Ok(report));
    }

    #[test]
    fn columns_may_be_in_any_order_and_new_ones_are_skipped(report in any_report(), turn in 0_usize..18) {
        let text = write(&report).unwrap();
        let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
        let mut turned = csv::Writer::from_writer(Vec::new());
        for (n, row) in rows.records().enumerate() {
            let mut cells: Vec<String> = row.unwrap().iter().map(str::to_owned).collect();
            cells.rotate_left(turn);
            cells.push(if n == 0 { "brand_new".into() } else { "=1+1".into() });
            turned.write_record(&cells).unwrap();
        }
        prop_assert_eq!(read(&turned.into_inner().unwrap(), (now(), now())), Ok(report));
    }

    #[test]
    fn no_answer_makes_the_parser_panic(text in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..2000, flip in 0_usize..2000) {
        let _ = read(&text, (now(), now()));
        let mut real = REAL.as_bytes().to_vec();
        let at = flip % real.len();
        real[at] = text.first().copied().unwrap_or(b',');
        real.truncate(cut.max(1));
        let _ = read(&real, (now(), now()));
    }
}
