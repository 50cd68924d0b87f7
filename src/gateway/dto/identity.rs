//! Bodies and answers of users, groups, tenants and me.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::given;
use crate::{
    domain::{
        ids::{GroupId, TenantId},
        rights::Rights,
    },
    engine::{
        groups::{Group, GroupInput},
        me::Me,
        tenants::{Tenant, TenantInput},
        users::{User, UserInput},
    },
};

/// A user, as made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserBody {
    username: String,
    /// At least eight characters. In a PUT it may be absent: then it stays.
    password: Option<String>,
    display_name: Option<String>,
    email: Option<String>,
    /// True if absent.
    active: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    group_ids: Vec<GroupId>,
}

/// What is to change of a user.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserPatch {
    username: Option<String>,
    password: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    active: Option<bool>,
    #[schema(value_type = Option<Vec<Uuid>>)]
    group_ids: Option<Vec<GroupId>>,
}

/// A user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserAnswer {
    id: Uuid,
    tenant_id: Uuid,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    active: bool,
    #[schema(value_type = Vec<Uuid>)]
    group_ids: Vec<GroupId>,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A group, as made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupBody {
    name: String,
    #[schema(value_type = Vec<String>)]
    rights: Rights,
    /// The tenant of the request if absent.
    #[schema(value_type = Option<Uuid>)]
    pub(in crate::gateway) tenant_id: Option<TenantId>,
}

/// What is to change of a group.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupPatch {
    name: Option<String>,
    #[schema(value_type = Option<Vec<String>>)]
    rights: Option<Rights>,
}

/// A group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Group)]
pub struct GroupAnswer {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    #[schema(value_type = Vec<String>)]
    rights: Rights,
    /// True for the administrators only.
    all_tenants: bool,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A tenant, as made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantBody {
    company_id: String,
    name: String,
}

/// What is to change of a tenant.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantPatch {
    company_id: Option<String>,
    name: Option<String>,
}

/// A tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tenant)]
pub struct TenantAnswer {
    id: Uuid,
    company_id: String,
    name: String,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// Who the caller is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Me)]
pub struct MeAnswer {
    user: MeUser,
    /// The tenant of the request.
    tenant: MeTenant,
    /// The tenants that the caller reaches, at most 200.
    tenants: Vec<MeTenant>,
    /// In the tenant of the request.
    #[schema(value_type = Vec<String>)]
    rights: Rights,
}

/// A user, in short.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeUser {
    id: Uuid,
    username: String,
    display_name: Option<String>,
}

/// A tenant, in short.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeTenant {
    id: Uuid,
    company_id: String,
    name: String,
}

impl From<UserBody> for UserInput {
    fn from(body: UserBody) -> Self {
        Self {
            username: Some(body.username),
            password: body.password,
            display_name: Some(body.display_name),
            email: Some(body.email),
            active: Some(body.active.unwrap_or(true)),
            group_ids: Some(body.group_ids),
        }
    }
}

impl From<UserPatch> for UserInput {
    fn from(patch: UserPatch) -> Self {
        Self {
            username: patch.username,
            password: patch.password,
            display_name: patch.display_name,
            email: patch.email,
            active: patch.active,
            group_ids: patch.group_ids,
        }
    }
}

impl From<User> for UserAnswer {
    fn from(user: User) -> Self {
        Self {
            id: user.id.uuid(),
            tenant_id: user.tenant_id.uuid(),
            username: user.username,
            display_name: user.display_name,
            email: user.email,
            active: user.active,
            group_ids: user.group_ids,
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

impl From<GroupBody> for GroupInput {
    fn from(body: GroupBody) -> Self {
        Self {
            name: Some(body.name),
            rights: Some(body.rights),
        }
    }
}

impl From<GroupPatch> for GroupInput {
    fn from(patch: GroupPatch) -> Self {
        Self {
            name: patch.name,
            rights: patch.rights,
        }
    }
}

impl From<Group> for GroupAnswer {
    fn from(group: Group) -> Self {
        Self {
            id: group.id.uuid(),
            tenant_id: group.tenant_id.uuid(),
            name: group.name,
            rights: group.rights,
            all_tenants: group.all_tenants,
            version: group.version,
            created_at: group.created_at,
            updated_at: group.updated_at,
        }
    }
}

impl From<TenantBody> for TenantInput {
    fn from(body: TenantBody) -> Self {
        Self {
            company_id: Some(body.company_id),
            name: Some(body.name),
        }
    }
}

impl From<TenantPatch> for TenantInput {
    fn from(patch: TenantPatch) -> Self {
        Self {
            company_id: patch.company_id,
            name: patch.name,
        }
    }
}

impl From<Tenant> for TenantAnswer {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.uuid(),
            company_id: tenant.company_id,
            name: tenant.name,
            version: tenant.version,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}

impl From<Tenant> for MeTenant {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.uuid(),
            company_id: tenant.company_id,
            name: tenant.name,
        }
    }
}

impl From<Me> for MeAnswer {
    fn from(me: Me) -> Self {
        Self {
            user: MeUser {
                id: me.user.id.uuid(),
                username: me.user.username,
                display_name: me.user.display_name,
            },
            tenant: me.tenant.into(),
            tenants: me.tenants.into_iter().map(MeTenant::from).collect(),
            rights: me.rights,
        }
    }
}
