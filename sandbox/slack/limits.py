"""Slack's numbers, in one place.

Keys are `object.field`. Where sources disagree the lower number counts, so what passes here
passes there: `data_table` (100 rows and a header, 10,000 characters) and the charts' series.
"""

from collections.abc import Mapping

MAX: Mapping[str, int] = {
    # Any text object, any id
    "text": 3000,
    "action_id": 255,
    "block_id": 255,
    # Elements
    "button.text": 75,
    "button.url": 3000,
    "button.value": 2000,
    "button.accessibility_label": 75,
    "button.agent_prompt": 4000,
    "confirmation.title": 100,
    "confirmation.text": 300,
    "confirmation.confirm": 30,
    "confirmation.deny": 30,
    "option.text": 75,
    "option.value": 150,
    "option.description": 75,
    "option.url": 3000,
    "option_group.label": 75,
    "option_group.options": 100,
    "select.placeholder": 150,
    "select.options": 100,
    "select.option_groups": 100,
    "overflow.options": 5,
    "checkboxes.options": 10,
    "radio_buttons.options": 10,
    "file_input.max_files": 10,
    "plain_text_input.min_length": 3000,
    "plain_text_input.max_length": 3000,
    "plain_text_input.placeholder": 150,
    "email_input.placeholder": 150,
    "url_input.placeholder": 150,
    "number_input.placeholder": 150,
    "date_picker.placeholder": 150,
    "time_picker.placeholder": 150,
    "rich_text_input.placeholder": 150,
    "rich_text_input.min_lines": 100,
    "rich_text_input.max_lines": 100,
    "dispatch_action_configuration.trigger_actions_on": 2,
    "feedback_button.text": 75,
    "feedback_button.value": 2000,
    "feedback_button.accessibility_label": 75,
    "icon_button.value": 2000,
    "icon_button.accessibility_label": 75,
    "icon_button.visible_to_user_ids": 10,
    "workflow_button.text": 75,
    "workflow_button.accessibility_label": 75,
    "image_element.image_url": 3000,
    "image_element.alt_text": 2000,
    # Blocks
    "section.text": 3000,
    "section.fields": 10,
    "section.fields.item": 2000,
    "header.text": 150,
    "context.elements": 10,
    "actions.elements": 25,
    "input.label": 2000,
    "input.hint": 2000,
    "image.image_url": 3000,
    "image.alt_text": 2000,
    "image.title": 2000,
    "markdown.text": 12_000,
    "markdown.total_text": 12_000,
    "rich_text_list.indent": 8,
    "rich_text_list.border": 1,
    "rich_text_quote.border": 1,
    "rich_text_preformatted.border": 1,
    "video.alt_text": 2000,
    "video.title": 200,
    "video.author_name": 50,
    "video.description": 200,
    "video.provider_name": 50,
    "video.thumbnail_url": 3000,
    "video.video_url": 3000,
    "video.title_url": 2000,
    "video.provider_icon_url": 2000,
    # Newer blocks
    "alert.text": 200,
    "card.title": 150,
    "card.subtitle": 150,
    "card.body": 200,
    "card.subtext": 200,
    "card.actions": 3,
    "carousel.elements": 10,
    "container.title": 150,
    "container.subtitle": 150,
    "container.child_blocks": 10,
    "context_actions.elements": 5,
    "plan.tasks": 50,
    "table.rows": 100,
    "table.columns": 20,
    "table.column_settings": 20,
    "table.content": 10_000,  # of one table, and of all tables of a message together
    "data_table.rows": 101,  # others say 201
    "data_table.columns": 20,
    "data_table.page_size": 100,
    "data_table.content": 10_000,  # others say 20,000
    "data_table.total_content": 10_000,
    "data_visualization.title": 50,
    "data_visualization.segments": 6,  # others say 12
    "data_visualization.segment.label": 20,
    "data_visualization.series": 6,  # others say 12
    "data_visualization.series_name": 20,
    "data_visualization.data": 20,
    "data_visualization.point_label": 20,
    "data_visualization.categories": 20,
    "data_visualization.category_label": 20,
    "data_visualization.axis_label": 50,
    # Messages and views
    "message.data_visualizations": 2,
    "message.tables": 1,  # of either kind, nested ones too: only_one_table_allowed
    "message.blocks": 50,
    "message.attachments": 100,
    "message.text": 40_000,  # cut there
    "message.update_text": 4_000,  # refused beyond: msg_too_long
    "message.content": 12_000,  # characters of all blocks but tables: msg_blocks_too_long
    "view.blocks": 100,
    "view.private_metadata": 3000,
    "view.callback_id": 255,
    "view.external_id": 255,
    "view.title": 24,
    "view.close": 24,
    "view.submit": 24,
    "view.bytes": 250_000,
    "view.stack": 3,
}

MIN: Mapping[str, int] = {
    "text": 1,
    "option_group.options": 1,
    "select.options": 1,
    "select.option_groups": 1,
    "select.min_query_length": 0,
    "overflow.options": 1,
    "checkboxes.options": 1,
    "radio_buttons.options": 1,
    "file_input.max_files": 1,
    "plain_text_input.min_length": 0,
    "plain_text_input.max_length": 1,
    "rich_text_input.min_lines": 1,
    "rich_text_input.max_lines": 1,
    "multi_select.max_selected_items": 1,
    "conversation_filter.include": 1,
    "dispatch_action_configuration.trigger_actions_on": 1,
    "carousel.elements": 1,
    "container.child_blocks": 1,
    "data_table.rows": 2,
    "data_table.columns": 1,
    "data_table.page_size": 1,
    "data_table.cell_text": 1,
    "data_table.row_header_column_index": 0,
    "data_visualization.segments": 1,
    "data_visualization.series": 1,
    "data_visualization.data": 1,
    "data_visualization.categories": 1,
    "rich_text_list.indent": 0,
    "rich_text_list.offset": 0,
    "rich_text_list.border": 0,
    "rich_text_quote.border": 0,
    "rich_text_preformatted.border": 0,
    "message.channel": 1,
}

_EVERYWHERE = frozenset(
    {"actions", "card", "context", "divider", "header", "image", "input"}
    | {"rich_text", "section", "video"}
)
_TABLES = frozenset({"data_table", "table"})
_WIDE = frozenset({"carousel", "container", "data_visualization"})
SURFACES: Mapping[str, frozenset[str]] = {
    "message": _EVERYWHERE
    | _WIDE
    | _TABLES
    | {"context_actions", "file", "markdown", "plan", "task_card"},
    # Sources disagree on tables in a Home; Slack's own page on the table names messages alone.
    "home": _EVERYWHERE | _WIDE,
    "modal": _EVERYWHERE | {"alert"},
}
CONTAINED = frozenset(
    {"actions", "context", "divider", "file", "header", "image", "input"}
    | {"rich_text", "section", "table", "video"}
)
LIFETIME_SECONDS: Mapping[str, float] = {"trigger": 3.0, "response_url": 1800.0, "ack": 3.0}
RESPONSE_URL_USES = 5
MAX_SOCKETS = 10
