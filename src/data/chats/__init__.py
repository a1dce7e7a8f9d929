"""Chats as messengers export them and meetings as tools write them down, read as turns."""
