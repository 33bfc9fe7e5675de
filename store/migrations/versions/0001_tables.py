"""Every table, with its constraints."""
# ruff: noqa: E501 (one column a line, however long its comment)

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("claim_numbers")))
    op.execute(sa.schema.CreateSequence(sa.Sequence("parking_numbers")))
    op.create_table(
        "claim_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="customer, system, gateway, or an operator's name"),
        sa.Column("event", sa.Text(), nullable=False, comment="a slug such as claim.opened"),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column(
            "facts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_claim_events")),
        comment="append-only: a trigger refuses update and delete",
    )
    op.create_index("ix_claim_events_claim_no", "claim_events", ["claim_no"], unique=False)
    op.create_table(
        "coupons",
        sa.Column("coupon_no", sa.Text(), nullable=False),
        sa.Column("member_no", sa.Text(), nullable=True),
        sa.Column("promotion", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_order_no", sa.Text(), nullable=True),
        sa.Column(
            "stub",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="named by an order, not fed yet",
        ),
        sa.CheckConstraint(
            "promotion IN ('goods_coupon', 'basket_coupon', 'double_coupon', 'free_shipping', 'free_return')",
            name=op.f("ck_coupons_promotion"),
        ),
        sa.PrimaryKeyConstraint("coupon_no", name=op.f("pk_coupons")),
    )
    op.create_table(
        "effects",
        sa.Column("effect_key", sa.Text(), nullable=False, comment="<step>/<claim number>[/<part>]"),
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('EFFECT', 'TOMBSTONE', 'REVERSED')", name=op.f("ck_effects_state")),
        sa.PrimaryKeyConstraint("effect_key", name=op.f("pk_effects")),
    )
    op.create_table(
        "findings",
        sa.Column("finding_key", sa.Text(), nullable=False, comment="<kind>/<subject>"),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="no_workflow, quiet, sent_of_final, late_refund, conservation"
        ),
        sa.Column("order_no", sa.Text(), nullable=True),
        sa.Column("claim_no", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("finding_key", name=op.f("pk_findings")),
    )
    op.create_table(
        "guest_failures",
        sa.Column("subject", sa.Text(), nullable=False, comment="order:<number> or address:<address>"),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.create_index("ix_guest_failures_subject_at", "guest_failures", ["subject", "at"], unique=False)
    op.create_table(
        "items",
        sa.Column("goods_no", sa.Text(), nullable=False),
        sa.Column("variant_no", sa.Text(), nullable=False),
        sa.Column("goods_name", sa.Text(), nullable=False),
        sa.Column("variant_name", sa.Text(), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="[[name, value], …]"),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("sale_status", sa.Text(), nullable=False),
        sa.Column("sale_method", sa.Text(), nullable=False),
        sa.Column("stock", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("sale_method IN ('ordinary', 'reservation')", name=op.f("ck_items_sale_method")),
        sa.CheckConstraint(
            "sale_status IN ('on_sale', 'sold_out', 'suspended', 'ended')", name=op.f("ck_items_sale_status")
        ),
        sa.CheckConstraint("price >= 0", name=op.f("ck_items_price")),
        sa.CheckConstraint("stock >= 0", name=op.f("ck_items_stock")),
        sa.PrimaryKeyConstraint("goods_no", "variant_no", name=op.f("pk_items")),
    )
    op.create_table(
        "members",
        sa.Column("member_no", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("mileage", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deposit", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "stub",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="named by an order, not fed yet",
        ),
        sa.CheckConstraint("deposit >= 0", name=op.f("ck_members_deposit")),
        sa.CheckConstraint("mileage >= 0", name=op.f("ck_members_mileage")),
        sa.PrimaryKeyConstraint("member_no", name=op.f("pk_members")),
    )
    op.create_table(
        "operator_commands",
        sa.Column("command_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=True),
        sa.Column("parking_no", sa.BigInteger(), nullable=True),
        sa.Column("command", sa.Text(), nullable=False, comment="an action of a parking, resume, or cancel"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_verified", sa.Boolean(), nullable=False, comment="false: typed in the Web UI"),
        sa.Column("channel", sa.Text(), nullable=False, comment="api, web-ui, console"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column(
            "request_ref", sa.Text(), nullable=False, comment="the update's id: a repeat of it is the same command"
        ),
        sa.Column("workflow_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("before", sa.Text(), nullable=True, comment="claim status before"),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("command_id", name=op.f("pk_operator_commands")),
        comment="append-only: a trigger refuses update and delete",
    )
    op.create_index("ix_operator_commands_claim_no", "operator_commands", ["claim_no"], unique=False)
    op.create_index(
        "uq_operator_commands_one_accepted_per_parking",
        "operator_commands",
        ["parking_no"],
        unique=True,
        postgresql_where=sa.text("accepted AND parking_no IS NOT NULL"),
    )
    op.create_table(
        "private_parts",
        sa.Column("private_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("private_id", name=op.f("pk_private_parts")),
    )
    op.create_table(
        "coupon_movements",
        sa.Column("movement_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("movement_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="feed, restore"),
        sa.Column("coupon_no", sa.Text(), nullable=False),
        sa.Column("claim_no", sa.Text(), nullable=True),
        sa.Column("order_no", sa.Text(), nullable=True),
        sa.Column(
            "facts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["coupon_no"], ["coupons.coupon_no"], name=op.f("fk_coupon_movements_coupon_no")),
        sa.PrimaryKeyConstraint("movement_id", name=op.f("pk_coupon_movements")),
        sa.UniqueConstraint("movement_key", name=op.f("uq_coupon_movements_movement_key")),
    )
    op.create_index("ix_coupon_movements_order_no", "coupon_movements", ["order_no"], unique=False)
    op.create_table(
        "orders",
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("member_no", sa.Text(), nullable=True, comment="null: a guest's order"),
        sa.Column("password_hash", sa.Text(), nullable=True, comment="guests only; argon2"),
        sa.Column("buyer_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("medium", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217"),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(member_no IS NULL) = (password_hash IS NOT NULL)", name=op.f("ck_orders_member_or_guest")),
        sa.ForeignKeyConstraint(["member_no"], ["members.member_no"], name=op.f("fk_orders_member_no")),
        sa.PrimaryKeyConstraint("order_no", name=op.f("pk_orders")),
    )
    op.create_table(
        "stock_movements",
        sa.Column("movement_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("movement_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="feed, restock, reserve, unreserve, release"),
        sa.Column("goods_no", sa.Text(), nullable=False),
        sa.Column("variant_no", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False, comment="signed: added to stock"),
        sa.Column("claim_no", sa.Text(), nullable=True),
        sa.Column("order_no", sa.Text(), nullable=True),
        sa.Column("line_no", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["goods_no", "variant_no"],
            ["items.goods_no", "items.variant_no"],
            name=op.f("fk_stock_movements_goods_no_variant_no"),
        ),
        sa.PrimaryKeyConstraint("movement_id", name=op.f("pk_stock_movements")),
        sa.UniqueConstraint("movement_key", name=op.f("uq_stock_movements_movement_key")),
    )
    op.create_index("ix_stock_movements_order_no", "stock_movements", ["order_no"], unique=False)
    op.create_index(
        "uq_stock_movements_one_restock_per_claim_line",
        "stock_movements",
        ["claim_no", "line_no"],
        unique=True,
        postgresql_where=sa.text("kind = 'restock'"),
    )
    op.create_table(
        "claims",
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("request_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("quote_nonce", sa.Text(), nullable=True, comment="a quote opens one claim"),
        sa.Column("private_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), server_default="ko", nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("refund", sa.BigInteger(), nullable=False),
        sa.Column("extra", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), server_default="FORWARD", nullable=False),
        sa.Column(
            "decided", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="the pivot is passed"
        ),
        sa.Column("refusal_code", sa.Text(), nullable=True, comment="why it was undone: the wire's code"),
        sa.Column("refusal_reason", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "NOT (decided AND direction = 'UNDOING')", name=op.f("ck_claims_never_undone_past_the_pivot")
        ),
        sa.CheckConstraint("actor IN ('MEMBER', 'GUEST', 'BACK_OFFICE')", name=op.f("ck_claims_actor")),
        sa.CheckConstraint("direction IN ('FORWARD', 'UNDOING')", name=op.f("ck_claims_direction")),
        sa.CheckConstraint("fault IN ('CUSTOMER', 'SELLER')", name=op.f("ck_claims_fault")),
        sa.CheckConstraint("kind IN ('CANCEL', 'OPTION_CHANGE')", name=op.f("ck_claims_kind")),
        sa.CheckConstraint(
            "status IN ('ACCEPTED', 'REFUNDING', 'REFUND_PENDING', 'NEEDS_OPERATOR', 'COMPENSATING', 'COMPLETED', 'COMPLETED_NOTICE_FAILED', 'REJECTED')",
            name=op.f("ck_claims_status"),
        ),
        sa.CheckConstraint("refund >= 0 AND extra >= 0 AND (refund = 0 OR extra = 0)", name=op.f("ck_claims_one_sign")),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name=op.f("fk_claims_order_no")),
        sa.ForeignKeyConstraint(["private_id"], ["private_parts.private_id"], name=op.f("fk_claims_private_id")),
        sa.PrimaryKeyConstraint("claim_no", name=op.f("pk_claims")),
        sa.UniqueConstraint("order_no", "request_key", name=op.f("uq_claims_order_no_request_key")),
        sa.UniqueConstraint("quote_nonce", name=op.f("uq_claims_quote_nonce")),
    )
    op.create_index(
        "ix_claims_open",
        "claims",
        ["moved_at"],
        unique=False,
        postgresql_where=sa.text("status NOT IN ('COMPLETED', 'COMPLETED_NOTICE_FAILED', 'REJECTED')"),
    )
    op.create_index("ix_claims_order_no", "claims", ["order_no"], unique=False)
    op.create_index(
        "uq_claims_one_undecided_cancel",
        "claims",
        ["order_no"],
        unique=True,
        postgresql_where=sa.text("kind = 'CANCEL' AND NOT decided AND status <> 'REJECTED'"),
    )
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Text(), nullable=False, comment="<claim number>-<event>-<channel>"),
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("member_no", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True, comment="the channel's own reference"),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("channel IN ('inbox', 'email', 'alimtalk')", name=op.f("ck_notices_channel")),
        sa.CheckConstraint(
            "event IN ('refund_accepted', 'completed', 'rejected', 'option_changed')", name=op.f("ck_notices_event")
        ),
        sa.CheckConstraint("state IN ('PLANNED', 'SENT', 'SKIPPED', 'FAILED')", name=op.f("ck_notices_state")),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name=op.f("fk_notices_order_no")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
        sa.UniqueConstraint("claim_no", "event", "channel", name=op.f("uq_notices_claim_no_event_channel")),
    )
    op.create_index("ix_notices_member_no", "notices", ["member_no"], unique=False)
    op.create_table(
        "order_benefits",
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("coupon_no", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("promotion", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("minimum", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "promotion IN ('goods_coupon', 'basket_coupon', 'double_coupon', 'free_shipping', 'free_return')",
            name=op.f("ck_order_benefits_promotion"),
        ),
        sa.CheckConstraint("amount >= 0 AND minimum >= 0", name=op.f("ck_order_benefits_amounts")),
        sa.ForeignKeyConstraint(["coupon_no"], ["coupons.coupon_no"], name=op.f("fk_order_benefits_coupon_no")),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name=op.f("fk_order_benefits_order_no")),
        sa.PrimaryKeyConstraint("order_no", "coupon_no", name=op.f("pk_order_benefits")),
    )
    op.create_table(
        "order_groups",
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("group_no", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("policy_no", sa.Text(), nullable=False),
        sa.Column("free_from", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("fee_discount", sa.BigInteger(), nullable=False),
        sa.Column("fee_paid", sa.BigInteger(), nullable=False),
        sa.Column("coupon_no", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "free_from >= 0 AND fee >= 0 AND fee_discount >= 0 AND fee_paid >= 0", name=op.f("ck_order_groups_amounts")
        ),
        sa.ForeignKeyConstraint(["coupon_no"], ["coupons.coupon_no"], name=op.f("fk_order_groups_coupon_no")),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name=op.f("fk_order_groups_order_no")),
        sa.PrimaryKeyConstraint("order_no", "group_no", name=op.f("pk_order_groups")),
    )
    op.create_table(
        "order_payments",
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("payment_no", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("means", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=True),
        sa.Column("gateway_ref", sa.Text(), nullable=True),
        sa.Column("partial_cancel", sa.Boolean(), nullable=False),
        sa.Column(
            "refunding",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="sum of the legs that are not void",
        ),
        sa.CheckConstraint(
            "means IN ('card', 'virtual_account', 'bank_transfer', 'simple_pay', 'deposit', 'mileage', 'gift_card')",
            name=op.f("ck_order_payments_means"),
        ),
        sa.CheckConstraint("status IN ('waiting', 'paid')", name=op.f("ck_order_payments_status")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_order_payments_amount")),
        sa.CheckConstraint("refunding >= 0 AND refunding <= amount", name=op.f("ck_order_payments_never_above_paid")),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name=op.f("fk_order_payments_order_no")),
        sa.PrimaryKeyConstraint("order_no", "payment_no", name=op.f("pk_order_payments")),
    )
    op.create_table(
        "requests",
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column(
            "request_key",
            sa.Text(),
            nullable=False,
            comment="hash of kind and the caller's key, or of the quote's nonce",
        ),
        sa.Column("claim_no", sa.Text(), nullable=False, comment="reserved for the claim that this may become"),
        sa.Column("digest", sa.Text(), nullable=False, comment="of the body, without the password"),
        sa.Column("private_id", sa.BigInteger(), nullable=True),
        sa.Column("first_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name=op.f("fk_requests_order_no")),
        sa.ForeignKeyConstraint(["private_id"], ["private_parts.private_id"], name=op.f("fk_requests_private_id")),
        sa.PrimaryKeyConstraint("order_no", "request_key", name=op.f("pk_requests")),
        sa.UniqueConstraint("claim_no", name=op.f("uq_requests_claim_no")),
    )
    op.create_table(
        "claim_costs",
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column(
            "amount", sa.BigInteger(), nullable=False, comment="effect on the refund; the rows sum to refund − extra"
        ),
        sa.Column("line_no", sa.Integer(), nullable=True),
        sa.Column("group_no", sa.Text(), nullable=True),
        sa.Column("coupon_no", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('goods', 'discount_forfeited', 'discount_taken_back', 'fee_charged', 'fee_returned')",
            name=op.f("ck_claim_costs_kind"),
        ),
        sa.CheckConstraint(
            "rule IN ('units', 'coupon_share', 'coupon_minimum', 'shipping_threshold', 'group_cancelled')",
            name=op.f("ck_claim_costs_rule"),
        ),
        sa.ForeignKeyConstraint(["claim_no"], ["claims.claim_no"], name=op.f("fk_claim_costs_claim_no")),
        sa.PrimaryKeyConstraint("claim_no", "position", name=op.f("pk_claim_costs")),
    )
    op.create_table(
        "claim_coupons",
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("coupon_no", sa.Text(), nullable=False),
        sa.Column("promotion", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("restored", sa.Boolean(), nullable=False, comment="planned to come back"),
        sa.Column("valid_days", sa.Integer(), nullable=True),
        sa.CheckConstraint("cause IN ('nothing_left', 'below_minimum')", name=op.f("ck_claim_coupons_cause")),
        sa.CheckConstraint(
            "promotion IN ('goods_coupon', 'basket_coupon', 'double_coupon', 'free_shipping', 'free_return')",
            name=op.f("ck_claim_coupons_promotion"),
        ),
        sa.ForeignKeyConstraint(["claim_no"], ["claims.claim_no"], name=op.f("fk_claim_coupons_claim_no")),
        sa.ForeignKeyConstraint(["coupon_no"], ["coupons.coupon_no"], name=op.f("fk_claim_coupons_coupon_no")),
        sa.PrimaryKeyConstraint("claim_no", "coupon_no", name=op.f("pk_claim_coupons")),
    )
    op.create_table(
        "claim_steps",
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True, comment="a slug for people's texts, or an operator's words"),
        sa.CheckConstraint(
            "status IN ('WAITING', 'RUNNING', 'PENDING', 'PARKED', 'DONE', 'SKIPPED', 'FAILED', 'UNDONE')",
            name=op.f("ck_claim_steps_status"),
        ),
        sa.CheckConstraint(
            "step IN ('open', 'charge', 'refund', 'coupons', 'restock', 'complete', 'notify', 'reserve', 'swap', 'release')",
            name=op.f("ck_claim_steps_step"),
        ),
        sa.ForeignKeyConstraint(["claim_no"], ["claims.claim_no"], name=op.f("fk_claim_steps_claim_no")),
        sa.PrimaryKeyConstraint("claim_no", "step", name=op.f("pk_claim_steps")),
    )
    op.create_table(
        "order_lines",
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column(
            "line_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="see claim_lines.units"
        ),
        sa.Column("goods_no", sa.Text(), nullable=False),
        sa.Column("goods_name", sa.Text(), nullable=False),
        sa.Column("variant_no", sa.Text(), nullable=False, comment="of the units left; an option change moves it"),
        sa.Column("variant_name", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False, comment="as ordered; never changes"),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("group_no", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("tax_free", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "status IN ('awaiting_deposit', 'placed', 'ship_instructed', 'ship_waiting', 'shipped', 'delivered', 'collected', 'returned', 'cancelled')",
            name=op.f("ck_order_lines_status"),
        ),
        sa.CheckConstraint("price >= 0", name=op.f("ck_order_lines_price")),
        sa.CheckConstraint("quantity > 0 AND quantity < 2147483648", name=op.f("ck_order_lines_quantity")),
        sa.ForeignKeyConstraint(
            ["goods_no", "variant_no"],
            ["items.goods_no", "items.variant_no"],
            name=op.f("fk_order_lines_goods_no_variant_no"),
        ),
        sa.ForeignKeyConstraint(
            ["order_no", "group_no"],
            ["order_groups.order_no", "order_groups.group_no"],
            name=op.f("fk_order_lines_order_no_group_no"),
        ),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name=op.f("fk_order_lines_order_no")),
        sa.PrimaryKeyConstraint("order_no", "line_no", name=op.f("pk_order_lines")),
        sa.UniqueConstraint("line_id", name=op.f("uq_order_lines_line_id")),
    )
    op.create_table(
        "parkings",
        sa.Column("parking_no", sa.BigInteger(), server_default=sa.text("nextval('parking_numbers')"), nullable=False),
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), server_default="", nullable=False, comment="the leg of a refund parking"),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, comment="what failed and what was tried, without personal data"),
        sa.Column("outcome_unknown", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("actions", postgresql.ARRAY(sa.Text()), nullable=False, comment="what is safe"),
        sa.Column("parked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True, comment="a command's action, superseded, or final"),
        sa.CheckConstraint(
            "cause IN ('PSP_DOWN', 'PSP_UNKNOWN', 'PSP_DECLINED', 'PSP_CONFLICT', 'PSP_MISCONFIGURED', 'PAYMENT_BUSY', 'ACCOUNT_NEEDED', 'DATABASE', 'COMPENSATION_STUCK', 'BUG')",
            name=op.f("ck_parkings_cause"),
        ),
        sa.CheckConstraint(
            "step IN ('open', 'charge', 'refund', 'coupons', 'restock', 'complete', 'notify', 'reserve', 'swap', 'release')",
            name=op.f("ck_parkings_step"),
        ),
        sa.ForeignKeyConstraint(["claim_no"], ["claims.claim_no"], name=op.f("fk_parkings_claim_no")),
        sa.PrimaryKeyConstraint("parking_no", name=op.f("pk_parkings")),
    )
    op.create_index(
        "uq_parkings_one_open_per_part",
        "parkings",
        ["claim_no", "step", "part"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "refund_legs",
        sa.Column("leg_id", sa.Text(), nullable=False, comment="<claim number>-<position>"),
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("payment_no", sa.Text(), nullable=False),
        sa.Column("means", sa.Text(), nullable=False),
        sa.Column("external", sa.Boolean(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=True),
        sa.Column("gateway_ref", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="PLANNED", nullable=False),
        sa.Column("key_no", sa.Integer(), server_default="1", nullable=False, comment="n of refund-{leg}-{n}"),
        sa.Column("key_used_at", sa.DateTime(timezone=True), nullable=True, comment="when key n was first sent"),
        sa.Column("refund_ref", sa.Text(), nullable=True, comment="the gateway's own reference of the refund"),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True, comment="of a leg settled by hand"),
        sa.Column("code", sa.Text(), nullable=True, comment="the gateway's last code for it"),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'SETTLED') = (settled_by IS NOT NULL)", name=op.f("ck_refund_legs_settled_by_someone")
        ),
        sa.CheckConstraint(
            "means IN ('card', 'virtual_account', 'bank_transfer', 'simple_pay', 'deposit', 'mileage', 'gift_card')",
            name=op.f("ck_refund_legs_means"),
        ),
        sa.CheckConstraint("settled_by IN ('GATEWAY', 'HAND', 'OURS')", name=op.f("ck_refund_legs_settled_by")),
        sa.CheckConstraint(
            "state IN ('PLANNED', 'PENDING', 'SETTLED', 'REFUSED', 'VOID')", name=op.f("ck_refund_legs_state")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refund_legs_amount")),
        sa.CheckConstraint("external = (gateway IS NOT NULL)", name=op.f("ck_refund_legs_external_has_gateway")),
        sa.ForeignKeyConstraint(["claim_no"], ["claims.claim_no"], name=op.f("fk_refund_legs_claim_no")),
        sa.ForeignKeyConstraint(
            ["order_no", "payment_no"],
            ["order_payments.order_no", "order_payments.payment_no"],
            name=op.f("fk_refund_legs_order_no_payment_no"),
        ),
        sa.PrimaryKeyConstraint("leg_id", name=op.f("pk_refund_legs")),
        sa.UniqueConstraint("claim_no", "payment_no", name=op.f("uq_refund_legs_claim_no_payment_no")),
    )
    op.create_index("ix_refund_legs_order_no", "refund_legs", ["order_no"], unique=False)
    op.create_index(
        "uq_refund_legs_one_booking",
        "refund_legs",
        ["gateway", "gateway_ref", "refund_ref"],
        unique=True,
        postgresql_where=sa.text("refund_ref IS NOT NULL"),
    )
    op.create_table(
        "claim_lines",
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False, comment="first unit, counted from 1"),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("goods_no", sa.Text(), nullable=False),
        sa.Column(
            "variant_no", sa.Text(), nullable=False, comment="as it was when the claim was opened: what is restocked"
        ),
        sa.Column("variant_name", sa.Text(), nullable=False),
        sa.Column("new_variant_no", sa.Text(), nullable=True, comment="option changes only"),
        sa.Column("live", sa.Boolean(), server_default=sa.text("true"), nullable=False, comment="holds its units"),
        sa.Column(
            "units",
            postgresql.INT8RANGE(),
            nullable=False,
            comment="the units of all lines on one axis: line_id · 2³² + unit, so that one range tells line and units",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("units"), "&&"), where=sa.text("live"), using="gist", name="ex_claim_lines_a_unit_once"
        ),
        sa.CheckConstraint("first > 0", name=op.f("ck_claim_lines_first")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_claim_lines_quantity")),
        sa.ForeignKeyConstraint(["claim_no"], ["claims.claim_no"], name=op.f("fk_claim_lines_claim_no")),
        sa.ForeignKeyConstraint(
            ["goods_no", "new_variant_no"],
            ["items.goods_no", "items.variant_no"],
            name=op.f("fk_claim_lines_goods_no_new_variant_no"),
        ),
        sa.ForeignKeyConstraint(
            ["order_no", "line_no"],
            ["order_lines.order_no", "order_lines.line_no"],
            name=op.f("fk_claim_lines_order_no_line_no"),
        ),
        sa.PrimaryKeyConstraint("claim_no", "line_no", name=op.f("pk_claim_lines")),
    )
    op.create_index("ix_claim_lines_order_no", "claim_lines", ["order_no"], unique=False)
    op.create_table(
        "credit_movements",
        sa.Column("movement_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("movement_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="feed, refund"),
        sa.Column("means", sa.Text(), nullable=False, comment="mileage, deposit, gift_card"),
        sa.Column("member_no", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True, comment="a gift card's own reference"),
        sa.Column("amount", sa.BigInteger(), nullable=False, comment="signed: added to the balance"),
        sa.Column("claim_no", sa.Text(), nullable=True),
        sa.Column("order_no", sa.Text(), nullable=True),
        sa.Column("leg_id", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["leg_id"], ["refund_legs.leg_id"], name=op.f("fk_credit_movements_leg_id")),
        sa.ForeignKeyConstraint(["member_no"], ["members.member_no"], name=op.f("fk_credit_movements_member_no")),
        sa.PrimaryKeyConstraint("movement_id", name=op.f("pk_credit_movements")),
        sa.UniqueConstraint("leg_id", name=op.f("uq_credit_movements_leg_id")),
        sa.UniqueConstraint("movement_key", name=op.f("uq_credit_movements_movement_key")),
    )
    op.create_index("ix_credit_movements_order_no", "credit_movements", ["order_no"], unique=False)
    op.create_table(
        "order_benefit_shares",
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("coupon_no", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_order_benefit_shares_amount")),
        sa.ForeignKeyConstraint(
            ["order_no", "coupon_no"],
            ["order_benefits.order_no", "order_benefits.coupon_no"],
            name=op.f("fk_order_benefit_shares_order_no_coupon_no"),
        ),
        sa.ForeignKeyConstraint(
            ["order_no", "line_no"],
            ["order_lines.order_no", "order_lines.line_no"],
            name=op.f("fk_order_benefit_shares_order_no_line_no"),
        ),
        sa.PrimaryKeyConstraint("order_no", "coupon_no", "line_no", name=op.f("pk_order_benefit_shares")),
    )
    op.create_table(
        "refund_attempts",
        sa.Column("leg_id", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("payment_no", sa.Text(), nullable=False),
        sa.Column("try_no", sa.Integer(), nullable=False, comment="counts each arming, of any n, of this leg"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("guard", sa.BigInteger(), nullable=False, comment="what the gateway should hold before it"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("armed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error_answered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("ever_unknown", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('SENT', 'ANSWERED', 'ABSENT')", name=op.f("ck_refund_attempts_state")),
        sa.ForeignKeyConstraint(["leg_id"], ["refund_legs.leg_id"], name=op.f("fk_refund_attempts_leg_id")),
        sa.PrimaryKeyConstraint("leg_id", "n", name=op.f("pk_refund_attempts")),
    )
    op.create_index(
        "uq_refund_attempts_one_sent_per_payment",
        "refund_attempts",
        ["order_no", "payment_no"],
        unique=True,
        postgresql_where=sa.text("state = 'SENT'"),
    )
