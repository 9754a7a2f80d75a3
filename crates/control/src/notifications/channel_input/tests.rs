//! Which fields each kind of channel takes, and when a secret must be entered again.

use super::*;

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn wrong_fields(
    kind: ChannelKind,
    before: Option<&ChannelTarget>,
    input: &ChannelInput,
) -> Vec<&'static str> {
    match input.target(kind, before) {
        Err(Error::Invalid(fields)) => fields.iter().map(|field| field.field).collect(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => Vec::new(),
    }
}

fn mail() -> ChannelInput {
    ChannelInput {
        host: Some("Mail.Example.com".to_owned()),
        username: Some("bucketry".to_owned()),
        secret: Some(secret("password")),
        from: Some("bucketry@example.com".to_owned()),
        to: Some(vec!["on-call@example.com".to_owned()]),
        ..ChannelInput::default()
    }
}

#[test]
fn the_url_is_sealed_and_only_its_origin_is_stored() {
    let input = ChannelInput {
        url: Some(secret("https://hooks.example.com/t/xyz")),
        secret: Some(secret("0123456789abcdef")),
        ..ChannelInput::default()
    };
    let (target, sealed) = input.target(ChannelKind::Webhook, None).unwrap();
    assert_eq!(target, ChannelTarget::Webhook { origin: "https://hooks.example.com".to_owned() });
    let ChannelSecretInput::Replace(sealed) = sealed else { panic!("no secret") };
    assert_eq!(sealed.url.unwrap().expose(), "https://hooks.example.com/t/xyz");
    let nothing = ChannelInput::default();
    let (same, kept) = nothing.target(ChannelKind::Webhook, Some(&target)).unwrap();
    assert!(same == target && matches!(kept, ChannelSecretInput::Keep));
}

#[test]
fn a_sealed_url_and_its_secret_are_only_replaced_together() {
    let target = ChannelTarget::Webhook { origin: "https://hooks.example.com".to_owned() };
    let url = ChannelInput { url: Some(secret("https://elsewhere.example/")), ..ChannelInput::default() };
    let key = ChannelInput { secret: Some(secret("0123456789abcdef")), ..ChannelInput::default() };
    assert_eq!(wrong_fields(ChannelKind::Webhook, Some(&target), &url), ["secret"]);
    assert_eq!(wrong_fields(ChannelKind::Webhook, Some(&target), &key), ["url"]);
    assert_eq!(wrong_fields(ChannelKind::Webhook, None, &ChannelInput::default()), ["url", "secret"]);
    let short = ChannelInput { secret: Some(secret("short")), ..url.clone() };
    assert_eq!(wrong_fields(ChannelKind::Webhook, None, &short), ["secret"]);
    let am = ChannelTarget::Alertmanager { origin: "http://am:9093".to_owned(), username: None };
    assert_eq!(wrong_fields(ChannelKind::Alertmanager, Some(&am), &key), ["url"]);
}

#[test]
fn fields_of_other_kinds_are_refused() {
    let input =
        ChannelInput { url: Some(secret("https://a.example/")), port: Some(25), ..ChannelInput::default() };
    assert_eq!(wrong_fields(ChannelKind::Slack, None, &input), ["port"]);
    assert_eq!(
        wrong_fields(ChannelKind::Email, None, &ChannelInput { url: input.url.clone(), ..mail() }),
        ["url"]
    );
    let with_key = ChannelInput { port: None, secret: Some(secret("0123456789abcdef")), ..input };
    assert_eq!(wrong_fields(ChannelKind::Slack, None, &with_key), ["secret"]);
}

#[test]
fn a_password_is_used_only_where_it_was_entered_for() {
    let (target, _) = mail().target(ChannelKind::Email, None).unwrap();
    let ChannelTarget::Email(stored) = &target else { panic!("{target:?}") };
    assert_eq!((stored.host.as_str(), stored.port), ("mail.example.com", 587));
    let change = |input: ChannelInput| wrong_fields(ChannelKind::Email, Some(&target), &input);
    let to = Some(vec!["other@example.com".to_owned()]);
    assert!(change(ChannelInput { to, ..ChannelInput::default() }).is_empty());
    for moved in [
        ChannelInput { host: Some("evil.example".to_owned()), ..ChannelInput::default() },
        ChannelInput { port: Some(2_525), ..ChannelInput::default() },
        ChannelInput { security: Some(MailSecurity::Tls), ..ChannelInput::default() },
        ChannelInput { username: Some("other".to_owned()), ..ChannelInput::default() },
    ] {
        assert_eq!(change(moved), ["secret"]);
    }
    let plain = ChannelInput {
        security: Some(MailSecurity::None),
        secret: Some(secret("x")),
        ..ChannelInput::default()
    };
    assert_eq!(change(plain), ["security"]);
    let open = ChannelInput {
        username: Some(String::new()),
        security: Some(MailSecurity::None),
        ..ChannelInput::default()
    };
    let (opened, sealed) = open.target(ChannelKind::Email, Some(&target)).unwrap();
    assert!(matches!(sealed, ChannelSecretInput::Clear), "{opened:?}");
}

#[test]
fn what_a_mail_server_is_not_called_is_refused() {
    for host in
        ["https://mail.example.com", "mail.example.com:25", "mail/x", "a b", "", "user@mail", "2130706433"]
    {
        let input = ChannelInput { host: Some(host.to_owned()), ..mail() };
        assert_eq!(wrong_fields(ChannelKind::Email, None, &input), ["host"], "{host}");
    }
    let many = ChannelInput { to: Some(vec!["a@b.example".to_owned(); 21]), ..mail() };
    assert_eq!(wrong_fields(ChannelKind::Email, None, &many), ["to"]);
    let injected = ChannelInput { from: Some("a@b.example\r\nBcc: c@d.example".to_owned()), ..mail() };
    assert_eq!(wrong_fields(ChannelKind::Email, None, &injected), ["from"]);
}

#[test]
fn rules_are_the_usual_ones_unless_some_are_given() {
    let usual = ChannelRules::default();
    let given = |rules: Option<Vec<RuleInput>>, before: &ChannelRules| {
        ChannelInput { rules, ..ChannelInput::default() }.rules(before)
    };
    let one =
        vec![RuleInput { code: "bucket_offline".to_owned(), after_minutes: Some(1), within_days: None }];
    let own = given(Some(one), &usual).unwrap();
    assert_eq!(own.all().len(), 1);
    assert_eq!(given(None, &own).unwrap(), own);
    assert!(given(Some(Vec::new()), &own).unwrap().are_usual());
    for (code, after_minutes) in
        [("NO_SUCH", Some(1)), ("BUCKET_OFFLINE", Some(-1)), ("BUCKET_OFFLINE", Some(99_999))]
    {
        let wrong = vec![RuleInput { code: code.to_owned(), after_minutes, within_days: None }];
        assert!(given(Some(wrong), &usual).is_err(), "{code} {after_minutes:?}");
    }
}

#[test]
fn what_was_read_from_a_file_may_end_with_a_line_break() {
    let input = |url: &str, key: &str| ChannelInput {
        url: Some(secret(url)),
        secret: Some(secret(key)),
        ..ChannelInput::default()
    };
    let stored = |input: ChannelInput| format!("{:?}", wrong_fields(ChannelKind::Webhook, None, &input));
    assert_eq!(stored(input("https://a.example/x\n", "0123456789abcdef\r\n")), "[]");
    assert_eq!(stored(input("https://a.example/x", "0123456789\nabcdef")), "[\"secret\"]");
    let (_, sealed) =
        input("https://a.example/x\n", "0123456789abcdef\n").target(ChannelKind::Webhook, None).unwrap();
    let ChannelSecretInput::Replace(ChannelSecret { url: Some(url), secret: Some(key) }) = sealed else {
        unreachable!("both are new")
    };
    assert_eq!((url.expose(), key.expose()), ("https://a.example/x", "0123456789abcdef"));
}
