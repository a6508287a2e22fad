//! CSV, HTML and the format of Security Hub, with hostile values.

use crate::printed;
use crate::support::Sandbox;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A sandbox with tags that try to break out of a cell or an element.
fn hostile() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.json(&[
        "sandbox",
        "tag",
        "break-glass",
        "keyrot:owner=<script>alert('1' & \"2\")</script>",
    ]);
    sandbox.json(&[
        "sandbox",
        "tag",
        "data-import",
        "keyrot:owner==HYPERLINK(\"x\",\"y\"), and more",
    ]);
    sandbox
}

#[test]
fn no_csv_cell_is_a_formula() {
    let text = printed(&hostile(), &["--output", "csv"]);
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let owners: BTreeSet<String> = rows.records().map(|row| row.unwrap()[3].to_owned()).collect();
    assert!(owners.contains("'=HYPERLINK(\"x\",\"y\"), and more"), "{owners:?}");
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    for row in rows.records() {
        assert!(row.unwrap().iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
    }
}

#[test]
fn the_page_is_well_formed_and_loads_and_runs_nothing() {
    let sandbox = hostile();
    let page = printed(&sandbox, &["--output", "html", "--ids"]);
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let tree = roxmltree::Document::parse_with_options(&page, options).unwrap();
    let mut ids = BTreeSet::new();
    for node in tree.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        assert!(
            !["script", "link", "img", "image", "iframe", "object", "embed", "use", "form"]
                .contains(&name),
            "{name}"
        );
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(
                !name.starts_with("on") && !["src", "href", "srcset", "action"].contains(&name),
                "{name}"
            );
            if name == "id" {
                assert!(ids.insert(attribute.value().to_owned()), "{} twice", attribute.value());
            }
        }
    }
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("@import"));
    assert_eq!(page.matches("url(").count(), page.matches("url(#hatch)").count());
    assert!(page.contains("&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)&lt;/script&gt;"));
    // Each chart describes in words what it shows.
    let pictures: Vec<_> =
        tree.descendants().filter(|n| n.attribute("role") == Some("img")).collect();
    assert_eq!(pictures.len(), 2);
    for picture in pictures {
        for id in picture.attribute("aria-labelledby").unwrap().split(' ') {
            assert!(ids.contains(id), "{id}");
        }
        let text = |name| {
            picture.children().find(|n| n.has_tag_name(name)).unwrap().text().unwrap().to_owned()
        };
        assert!(!text("title").is_empty() && text("desc").contains(' '));
    }
    // Every key is in the list.
    let keys = sandbox.json(&["audit", "--ids"]).1["keys"].as_array().unwrap().clone();
    assert!(keys.iter().all(|key| page.contains(key["key_id"].as_str().unwrap())));
    assert!(page.contains("a simulated account"));
}

#[test]
fn findings_for_security_hub_respect_its_limits_and_keep_their_ids() {
    let sandbox = Sandbox::new();
    let list = |args: &[&str]| -> Vec<Value> {
        let text = printed(&sandbox, &[&["--output", "asff"], args].concat());
        serde_json::from_str(&text).unwrap()
    };
    let findings = list(&["--ids"]);
    assert_eq!(findings.len(), sandbox.json(&["audit"]).1["findings"].as_array().unwrap().len());
    let product = "arn:aws:securityhub:us-east-1:123456789012:product/123456789012/default";
    let text = |v: &Value, most: usize| {
        let text = v.as_str().unwrap();
        assert!(!text.trim().is_empty() && text.chars().count() <= most, "{text}");
        text.to_owned()
    };
    let mut ids = BTreeSet::new();
    for finding in &findings {
        assert_eq!(
            (&finding["SchemaVersion"], &finding["AwsAccountId"]),
            (&json!("2018-10-08"), &json!("123456789012"))
        );
        assert_eq!(finding["ProductArn"], product);
        assert!(ids.insert(text(&finding["Id"], 512)), "twice: {}", finding["Id"]);
        for (name, most) in [("GeneratorId", 512), ("Title", 256), ("Description", 1024)] {
            text(&finding[name], most);
        }
        text(&finding["Remediation"]["Recommendation"]["Text"], 512);
        let time = |name: &str| {
            finding[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap()
        };
        assert!(
            time("CreatedAt") <= time("UpdatedAt")
                && time("FirstObservedAt") <= time("LastObservedAt")
        );
        assert!(
            ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
                .contains(&finding["Severity"]["Label"].as_str().unwrap())
        );
        assert_eq!(
            finding["Types"].as_array().unwrap()[0]
                .as_str()
                .unwrap()
                .split('/')
                .count()
                .clamp(2, 3),
            { finding["Types"][0].as_str().unwrap().split('/').count() }
        );
        let resources = finding["Resources"].as_array().unwrap();
        assert!((1..=32).contains(&resources.len()));
        assert_eq!(resources[0]["Type"], "AwsIamUser");
        let related = finding["Compliance"]["RelatedRequirements"].as_array().unwrap();
        assert!(related.len() <= 32 && related.iter().all(|r| text(r, 64).contains("v")));
        assert!(finding.to_string().len() < 240 * 1024);
    }
    let of_key = findings.iter().find(|f| f["GeneratorId"] == "keyrot/audit/old_key").unwrap();
    assert_eq!(of_key["Resources"][1]["Type"], "AwsIamAccessKey");
    assert!(
        of_key["Compliance"]["RelatedRequirements"]
            .to_string()
            .contains("CIS AWS Foundations Benchmark v5.0.0/1.13")
    );
    // A day later, the same findings have the same ids.
    sandbox.json(&["sandbox", "advance", "1d"]);
    let later: BTreeSet<String> =
        list(&["--region", "eu-west-1"]).iter().map(|f| text(&f["Id"], 512)).collect();
    assert!(ids.is_subset(&later), "{ids:?}\n{later:?}");
}
