//! `$metadata`: the model as CSDL XML.

use std::io::{self, Cursor};

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use super::{
    EntitySet, NAMESPACE,
    model::{Access, BoundAction, EntityType, Link, Property},
};

type Xml = Writer<Cursor<Vec<u8>>>;

/// Namespace of the terms that annotations are of.
const CORE: &str = "Org.OData.Core.V1";

/// The document.
///
/// # Errors
/// None that can happen: the document is written into memory.
pub fn document() -> io::Result<String> {
    let mut xml = Writer::new_with_indent(Cursor::new(Vec::new()), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let edmx = xml.create_element("edmx:Edmx").with_attributes([
        ("Version", "4.0"),
        ("xmlns:edmx", "http://docs.oasis-open.org/odata/ns/edmx"),
    ]);
    edmx.write_inner_content(|xml| {
        let vocabulary = "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Core.V1.xml";
        let reference = xml.create_element("edmx:Reference").with_attribute(("Uri", vocabulary));
        reference.write_inner_content(|xml| {
            let include = xml.create_element("edmx:Include");
            let include = include.with_attributes([("Namespace", CORE), ("Alias", "Core")]);
            include.write_empty()?;
            Ok(())
        })?;
        xml.create_element("edmx:DataServices").write_inner_content(|xml| {
            let schema = xml.create_element("Schema").with_attributes([
                ("Namespace", NAMESPACE),
                ("xmlns", "http://docs.oasis-open.org/odata/ns/edm"),
            ]);
            schema.write_inner_content(schema_content)?;
            Ok(())
        })?;
        Ok(())
    })?;
    String::from_utf8(xml.into_inner().into_inner()).map_err(io::Error::other)
}

fn schema_content(xml: &mut Xml) -> io::Result<()> {
    for set in EntitySet::ALL {
        entity_type(xml, set.entity_type())?;
    }
    complex_types(xml)?;
    for set in EntitySet::ALL {
        for action in set.entity_type().actions {
            bound_action(xml, set.entity_type(), action)?;
        }
    }
    let container = xml
        .create_element("EntityContainer")
        .with_attribute(("Name", "Container"));
    container.write_inner_content(|xml| {
        for set in EntitySet::ALL {
            entity_set(xml, set)?;
        }
        Ok(())
    })?;
    Ok(())
}

fn entity_type(xml: &mut Xml, of: &EntityType) -> io::Result<()> {
    let element = xml.create_element("EntityType").with_attribute(("Name", of.name));
    element.write_inner_content(|xml| {
        xml.create_element("Key").write_inner_content(|xml| {
            let key = xml
                .create_element("PropertyRef")
                .with_attribute(("Name", of.key().name));
            key.write_empty()?;
            Ok(())
        })?;
        for one in of.properties {
            property(xml, one, one == of.key())?;
        }
        for navigation in of.navigations {
            let target = navigation.target.entity_type().name;
            let element = xml
                .create_element("NavigationProperty")
                .with_attribute(("Name", navigation.name));
            match navigation.link {
                Link::Many(_) => {
                    let type_name = format!("Collection({NAMESPACE}.{target})");
                    element.with_attribute(("Type", type_name.as_str())).write_empty()?;
                }
                Link::One(by) => {
                    let nullable = of.property(by).is_none_or(|property| property.nullable);
                    let type_name = format!("{NAMESPACE}.{target}");
                    let element = element.with_attributes([
                        ("Type", type_name.as_str()),
                        ("Nullable", if nullable { "true" } else { "false" }),
                    ]);
                    element.write_inner_content(|xml| {
                        let key = navigation.target.entity_type().key().name;
                        let constraint = xml.create_element("ReferentialConstraint");
                        constraint
                            .with_attributes([("Property", by), ("ReferencedProperty", key)])
                            .write_empty()?;
                        Ok(())
                    })?;
                }
            }
        }
        Ok(())
    })?;
    Ok(())
}

fn property(xml: &mut Xml, property: &Property, is_key: bool) -> io::Result<()> {
    let longest = property.max_length.map(|longest| longest.to_string());
    let mut element = xml.create_element("Property").with_attributes([
        ("Name", property.name),
        ("Type", property.edm.as_str()),
        ("Nullable", if property.nullable { "true" } else { "false" }),
    ]);
    if let Some(longest) = &longest {
        element = element.with_attribute(("MaxLength", longest.as_str()));
    }
    if property.edm == super::Edm::DateTimeOffset {
        element = element.with_attribute(("Precision", "6"));
    }
    element.write_inner_content(|xml| {
        match property.access {
            Access::Set => {}
            // There are clients that can make no entity whose key they may not send.
            Access::Computed if is_key => {}
            Access::SetOnce => annotation(xml, "Immutable", "Bool", "true")?,
            Access::Computed => annotation(xml, "Computed", "Bool", "true")?,
            Access::WriteOnly => annotation(xml, "Permissions", "EnumMember", "Org.OData.Core.V1.Permission/Write")?,
        }
        annotation(xml, "Description", "String", property.about)
    })?;
    Ok(())
}

fn annotation(xml: &mut Xml, term: &str, kind: &str, value: &str) -> io::Result<()> {
    let term = format!("{CORE}.{term}");
    let element = xml.create_element("Annotation").with_attribute(("Term", term.as_str()));
    // As an element rather than an attribute where the standard has no attribute that all clients know.
    if kind == "EnumMember" {
        element.write_inner_content(|xml| {
            xml.create_element("EnumMember")
                .write_text_content(BytesText::new(value))?;
            Ok(())
        })?;
    } else {
        element.with_attribute((kind, value)).write_empty()?;
    }
    Ok(())
}

/// Rows, whose members nobody knows beforehand, and what explains a filter.
fn complex_types(xml: &mut Xml) -> io::Result<()> {
    let open = |xml: &mut Xml, name: &str, properties: &[(&str, &str)]| -> io::Result<()> {
        let element = xml
            .create_element("ComplexType")
            .with_attributes([("Name", name), ("OpenType", "true")]);
        element.write_inner_content(|xml| {
            for (name, type_name) in properties {
                let element = xml.create_element("Property");
                element
                    .with_attributes([("Name", *name), ("Type", *type_name), ("Nullable", "false")])
                    .write_empty()?;
            }
            Ok(())
        })?;
        Ok(())
    };
    open(xml, "Item", &[])?;
    open(xml, "ExplanationPart", &[("expression", "Edm.String")])?;
    let parts = format!("Collection({NAMESPACE}.ExplanationPart)");
    open(xml, "Explanation", &[("matches", "Edm.Boolean"), ("parts", &parts)])
}

fn bound_action(xml: &mut Xml, of: &EntityType, action: &BoundAction) -> io::Result<()> {
    let binding = format!("{NAMESPACE}.{}", of.name);
    let answers = format!("{NAMESPACE}.{}", action.answers.unwrap_or(of.name));
    let element = xml
        .create_element("Action")
        .with_attributes([("Name", action.name), ("IsBound", "true")]);
    element.write_inner_content(|xml| {
        let parameter = |xml: &mut Xml, name: &str, type_name: &str, nullable: bool| -> io::Result<()> {
            let element = xml.create_element("Parameter").with_attributes([
                ("Name", name),
                ("Type", type_name),
                ("Nullable", if nullable { "true" } else { "false" }),
            ]);
            element.write_empty()?;
            Ok(())
        };
        parameter(xml, "bindingParameter", &binding, false)?;
        for one in action.parameters {
            parameter(xml, one.name, one.edm, one.nullable)?;
        }
        let returns = xml.create_element("ReturnType");
        returns
            .with_attributes([("Type", answers.as_str()), ("Nullable", "false")])
            .write_empty()?;
        annotation(xml, "Description", "String", action.about)
    })?;
    Ok(())
}

fn entity_set(xml: &mut Xml, set: EntitySet) -> io::Result<()> {
    let of = set.entity_type();
    let type_name = format!("{NAMESPACE}.{}", of.name);
    let element = xml.create_element("EntitySet");
    let element = element.with_attributes([("Name", set.as_str()), ("EntityType", type_name.as_str())]);
    element.write_inner_content(|xml| {
        for navigation in of.navigations {
            let binding = xml.create_element("NavigationPropertyBinding");
            binding
                .with_attributes([("Path", navigation.name), ("Target", navigation.target.as_str())])
                .write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_whole_model_and_is_well_formed() {
        let text = document().unwrap();
        let mut reader = quick_xml::Reader::from_str(&text);
        reader.config_mut().check_end_names = true;
        let mut elements = 0;
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => break,
                Event::Start(_) | Event::Empty(_) => elements += 1,
                _ => {}
            }
        }
        assert!(elements > 200, "{elements}");
        for part in [
            r#"<EntityType Name="Integration">"#,
            r#"<Property Name="IntegrationName" Type="Edm.String" Nullable="false" MaxLength="128">"#,
            r#"<NavigationProperty Name="ClientIntegrations" Type="Collection(Orrery.ClientIntegration)"/>"#,
            r#"<ReferentialConstraint Property="ScheduleId" ReferencedProperty="ScheduleId"/>"#,
            r#"<Action Name="Retry" IsBound="true">"#,
            r#"<Parameter Name="item" Type="Orrery.Item" Nullable="false"/>"#,
            r#"<EntitySet Name="ActionLogs" EntityType="Orrery.ActionLog">"#,
            r#"<Annotation Term="Org.OData.Core.V1.Computed" Bool="true"/>"#,
        ] {
            assert!(text.contains(part), "{part}");
        }
    }
}
