//! Tests that webhooks and SSM trust the same authorities as the calls to AWS.

#[path = "../../tests/environment/authority.rs"]
mod authority;

use crate::http::trust::Trust;
use authority::Authority;

#[cfg(feature = "notify")]
#[tokio::test]
async fn a_webhook_behind_a_re_signing_proxy_is_reached_only_with_the_bundle() {
    use crate::http::plain::Http;
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    let own = Authority::new();
    let server = own.serve(&["127.0.0.1"], false, |_| "ok".to_owned());
    let request = || HttpRequest::get(format!("https://127.0.0.1:{}/hook", server.port)).unwrap();
    let bundle = own.bundle();
    let trusted = Http::new(&Trust::find(Some(bundle.to_str().unwrap())).unwrap());
    assert_eq!(trusted.send(request()).await.unwrap().status().as_u16(), 200);
    let other = Authority::new().bundle_text();
    std::fs::write(&bundle, other).unwrap();
    let untrusted = Http::new(&Trust::find(Some(bundle.to_str().unwrap())).unwrap());
    let lost = untrusted.send(request()).await.unwrap_err();
    assert!(lost.is_lasting, "not worth another attempt");
    let said = lost.to_string();
    assert!(said.contains("the certificate of the server is signed by an authority"), "{said}");
    assert!(said.contains("add the one that signed") && !said.contains("/hook"), "{said}");
}
