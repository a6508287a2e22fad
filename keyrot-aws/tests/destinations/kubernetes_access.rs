//! Access to a cluster: kubeconfig files, contexts and authentication.

use super::kubernetes::Lab;
use super::kubernetes_server::TOKEN;
use super::rules::silent;
use keyrot_core::model::Found;
use keyrot_core::{Effect, ErrorKind};

#[tokio::test]
async fn the_context_is_from_the_settings_or_the_only_one() {
    let lab = Lab::new().await;
    lab.kubeconfig(&lab.server.url, &["shop", "staging"], &format!("token: {TOKEN}"));
    // `current-context` is shop, but anyone could switch it.
    let said = refused(&lab, "").await;
    assert!(said.contains("set `context` to the one of the cluster: shop, staging"), "{said}");
    let said = refused(&lab, "context = 'production'").await;
    assert!(said.contains("no context production; it has shop, staging"), "{said}");
    let to = lab.destination("context = 'staging'").await;
    assert_eq!(to.inspect("shop/ci-aws").await.unwrap(), Found::Nothing);
}

#[tokio::test]
async fn a_token_that_was_replaced_is_read_again() {
    let lab = Lab::new().await;
    let to = lab.destination("").await;
    to.inspect("shop/ci-aws").await.unwrap();
    lab.server.lock().service.tokens = vec!["another-SESAME"];
    let error = to.inspect("shop/ci-aws").await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
    assert!(silent(&error).contains("they expired"), "{error}");
    lab.kubeconfig(&lab.server.url, &["shop"], "token: another-SESAME");
    to.inspect("shop/ci-aws").await.unwrap();
    assert_eq!(lab.server.count("GET /api/v1/namespaces/shop/secrets/"), 5);
}

#[tokio::test]
async fn a_credential_plugin_runs_without_a_terminal_and_its_output_is_not_repeated() {
    let lab = Lab::new().await;
    let plugin = |script: &str, more: &str| {
        let file = lab.folder.path().join("plugin");
        std::fs::write(&file, script).unwrap();
        lab.kubeconfig(
            &lab.server.url,
            &["shop"],
            &format!(
                "exec: {{apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: ['{}']{more}}}",
                file.display()
            ),
        );
    };
    let credential = format!(
        r#"{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"{TOKEN}"}}}}"#
    );
    // With a terminal, the plugin would wait forever.
    plugin(&format!("read -r answer; echo '{credential}'"), "");
    lab.destination("").await.inspect("shop/ci-aws").await.unwrap();

    plugin("echo SESAME; echo SESAME >&2; exit 3", "");
    let said = refused(&lab, "").await;
    assert!(
        said.contains("the credential plugin of the kubeconfig failed (exit status: 3)"),
        "{said}"
    );
    plugin("echo not-json-SESAME", "");
    assert!(refused(&lab, "").await.contains("the credentials of the kubeconfig are not usable"));
    plugin("", ", interactiveMode: Always");
    assert!(refused(&lab, "").await.contains("needs a terminal (interactiveMode: Always)"));
    lab.kubeconfig(&lab.server.url, &["shop"], "exec: {command: /nowhere/plugin}");
    let said = refused(&lab, "").await;
    assert!(said.contains("the credential plugin of the kubeconfig cannot be run"), "{said}");
}

#[tokio::test]
async fn keys_are_not_sent_where_others_could_read_them() {
    let lab = Lab::new().await;
    lab.kubeconfig("http://192.0.2.1:6443", &["shop"], &format!("token: {TOKEN}"));
    assert!(refused(&lab, "").await.contains("is not https://"));
    let open = "https://192.0.2.1:6443', insecure-skip-tls-verify: true, tls-server-name: 'x";
    lab.kubeconfig(open, &["shop"], &format!("token: {TOKEN}"));
    assert!(refused(&lab, "").await.contains("insecure-skip-tls-verify"));
    assert_eq!(lab.server.count(""), 0);
}

#[tokio::test]
async fn an_unusable_kubeconfig_is_named_and_not_quoted() {
    let lab = Lab::new().await;
    for (text, says) in [
        ("apiVersion: v1\nusers: [{name: u, user: {token: SESAME}\n", "is not valid"),
        ("apiVersion: v1\nkind: Config\n", "has no context"),
        (
            "contexts: [{name: x, context: {cluster: y, user: z}}]",
            "names a cluster that is not in it",
        ),
        (
            "contexts: [{name: x, context: {cluster: y}}]\nclusters: [{name: y, cluster: {}}]",
            "has no usable server",
        ),
        (
            "contexts: [{name: x, context: {cluster: y}}]\n\
             clusters: [{name: y, cluster: {server: 'https://127.0.0.1:9', certificate-authority: /nowhere}}]",
            "has a certificate-authority that cannot be read",
        ),
    ] {
        std::fs::write(lab.folder.path().join("kubeconfig"), text).unwrap();
        let said = refused(&lab, "").await;
        assert!(said.contains(says), "{text}: {said}");
    }
    std::fs::remove_file(lab.folder.path().join("kubeconfig")).unwrap();
    let said = refused(&lab, "").await;
    assert!(said.contains("kubeconfig cannot be read: entity not found"), "{said}");
    assert_eq!(lab.server.count(""), 0);
}

#[tokio::test]
async fn a_missing_server_is_unavailable_and_nothing_was_changed() {
    let lab = Lab::new().await;
    lab.kubeconfig("http://127.0.0.1:9", &["shop"], &format!("token: {TOKEN}"));
    let error = lab.destination("").await.inspect("shop/ci-aws").await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::None));
    assert!(silent(&error).contains("no connection to the API server"), "{error}");
}

/// Returns the message for a cluster that cannot be used. Nothing was changed.
async fn refused(lab: &Lab, more: &str) -> String {
    let error = lab.destination(more).await.inspect("shop/ci-aws").await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None), "{error}");
    let said = silent(&error);
    assert!(!said.contains("eyJ") && said.contains("destination x"), "{said}");
    said
}
