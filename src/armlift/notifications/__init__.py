"""Who is told, and how."""

from armlift.notifications.alarm import Alarm
from armlift.notifications.delivery import PERIOD, Delivery, notify
from armlift.notifications.readings import reading_alarms

__all__ = ["PERIOD", "Alarm", "Delivery", "notify", "reading_alarms"]
