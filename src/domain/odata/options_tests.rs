//! Which options are read, and which are refused.

use super::*;

fn many(text: &str) -> Result<Options, Refused> {
    parse(EntitySet::Integrations, Asked::Many, text)
}

#[test]
fn options_are_read() {
    let options = many(
        "$filter=Active%20eq%20true+and+IntegrationName+ne+'a%26b'&$orderby=IntegrationName desc,tolower(Comment)&$top=5&$skip=2\
         &$count=true&$select=IntegrationId,IntegrationName&$expand=Schedule($select=ScheduleName),ClientIntegrations(\
         $filter=Enabled;$expand=Consent;$top=3)&custom=1",
    )
    .unwrap();
    let query = &options.query;
    assert!(query.filter.is_some() && query.count);
    assert_eq!((query.order.len(), query.top, query.skip), (2, Some(5), 2));
    assert!(query.order[0].descending && !query.order[1].descending);
    let names: Vec<&str> = query.properties().iter().map(|property| property.name).collect();
    assert_eq!(names, ["IntegrationId", "IntegrationName"]);
    assert_eq!(query.expand.len(), 2);
    assert_eq!(query.expand[0].query.properties().len(), 1);
    let clients = &query.expand[1].query;
    assert!(clients.filter.is_some() && clients.top == Some(3));
    assert_eq!(clients.expand[0].navigation.name, "Consent");
    assert_eq!(many("$skiptoken=after-7").unwrap().query.after, Some(7));
    assert_eq!(many("$skiptoken=skip-7").unwrap().query.skip, 7);
    let all = many("$expand=*").unwrap().query.expand;
    assert_eq!(all.len(), 6);
    assert!(many("").unwrap().query.select.is_none());
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    for (text, option, part) in [
        ("$filtre=1", "$filtre", "no option that is known"),
        ("$search=x", "$search", "not supported"),
        ("@p=1", "@p", "aliases"),
        ("$top=1&$top=2", "$top", "more than once"),
        ("$top=-1", "$top", "whole number"),
        ("$top=x", "$top", "whole number"),
        ("$count=yes", "$count", "true or false"),
        ("$filter=Nope eq 1", "$filter", "has no property \"Nope\""),
        (
            "$filter=IntegrationId",
            "$filter",
            "is a condition, and this is a number",
        ),
        ("$filter=A eq", "$filter", "character 5"),
        ("$orderby=Nope", "$orderby", "has no property"),
        ("$orderby=IntegrationName up", "$orderby", "\"up\" is not expected"),
        ("$select=Nope", "$select", "has no property"),
        (
            "$expand=Nope",
            "$expand",
            "no navigation \"Nope\"; known: IntegrationSystem",
        ),
        ("$expand=Schedule,Schedule", "$expand", "more than once"),
        ("$expand=Schedule($top=1)", "$expand=Schedule($top)", "makes no sense"),
        (
            "$expand=ClientIntegrations($count=true)",
            "$expand=ClientIntegrations($count)",
            "within $expand",
        ),
        (
            "$expand=ClientIntegrations($filter=X)",
            "$expand=ClientIntegrations($filter)",
            "no property",
        ),
        ("$expand=Schedule(", "$expand", "do not match"),
        (
            "$expand=ClientIntegrations($expand=Integration($expand=ClientIntegrations($expand=Consent)))",
            "$expand=ClientIntegrations($expand=Integration($expand=ClientIntegrations($expand)))",
            "3 levels",
        ),
        ("$skiptoken=7", "$skiptoken", "none of ours"),
        ("$filter=%zz", "the query string", "percent-encoded"),
    ] {
        let refused = many(text).unwrap_err();
        assert_eq!(refused.option, option, "{text}: {refused}");
        assert!(refused.message.contains(part), "{text}: {refused}");
    }
    let one = parse(EntitySet::Integrations, Asked::One, "$top=1").unwrap_err();
    assert!(one.message.contains("makes no sense"));
    assert!(many(&"x".repeat(BYTES_MAX + 1)).is_err());
    let secret = parse(EntitySet::IntegrationSystems, Asked::Many, "$select=OAuthClientSecret").unwrap_err();
    assert!(secret.message.contains("never answered"));
}
