#!/usr/bin/env python3
"""A tray for tests: StatusNotifierWatcher and host on the session's message bus, driven by lines on standard input.

Commands, one a line, each answered by one line of JSON:
  items               names of the items that have registered
  item                properties of the first item: Id, Title, Status, tooltip, size of its icon
  menu                the menu of the first item as a list of {id, label, type, enabled, checked}
  click ID            clicks a menu entry
  activate            clicks the icon itself
  icon FILE           writes the icon's pixels as a portable pixmap with alpha (PAM)
Uses nothing but dbus-python and GLib. With --no-host the watcher says that nobody shows icons.
"""
import json
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

WATCHER = "org.kde.StatusNotifierWatcher"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
PROPERTIES = "org.freedesktop.DBus.Properties"


class Watcher(dbus.service.Object):
    def __init__(self, bus, has_host):
        super().__init__(bus, "/StatusNotifierWatcher")
        self.bus = bus
        self.has_host = has_host
        self.items = []

    @dbus.service.method(WATCHER, in_signature="s", sender_keyword="sender")
    def RegisterStatusNotifierItem(self, service, sender=None):
        name, path = (sender, service) if service.startswith("/") else (service, "/StatusNotifierItem")
        self.items.append((name, path))
        self.StatusNotifierItemRegistered(name + path)

    @dbus.service.method(WATCHER, in_signature="s")
    def RegisterStatusNotifierHost(self, service):
        pass

    @dbus.service.signal(WATCHER, signature="s")
    def StatusNotifierItemRegistered(self, item):
        pass

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return self.GetAll(interface)[name]

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        return {
            "RegisteredStatusNotifierItems": dbus.Array([n + p for n, p in self.items], signature="s"),
            "IsStatusNotifierHostRegistered": dbus.Boolean(self.has_host),
            "ProtocolVersion": dbus.Int32(0),
        }


class Host:
    def __init__(self, bus, watcher):
        self.bus = bus
        self.watcher = watcher

    def present(self):
        alive = self.bus.get_object("org.freedesktop.DBus", "/org/freedesktop/DBus")
        return [(n, p) for n, p in self.watcher.items if alive.NameHasOwner(n, dbus_interface="org.freedesktop.DBus")]

    def first(self):
        name, path = self.present()[0]
        return self.bus.get_object(name, path, introspect=False)

    def get(self, name):
        return self.first().Get(ITEM, name, dbus_interface=PROPERTIES)

    def items(self):
        return [name for name, _ in self.present()]

    def item(self):
        values = {name: str(self.get(name)) for name in ("Id", "Title", "Status")}
        width, height, _ = max(self.get("IconPixmap"), key=lambda icon: icon[0])
        return {**values, "tooltip": str(self.get("ToolTip")[2]), "icon": [int(width), int(height)]}

    def icon(self, file):
        width, height, data = max(self.get("IconPixmap"), key=lambda icon: icon[0])
        argb = bytes(data)
        rgba = b"".join(argb[i + 1 : i + 4] + argb[i : i + 1] for i in range(0, len(argb), 4))
        header = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
        with open(file, "wb") as out:
            out.write(header.encode() + rgba)
        return {"written": file}

    def menu_object(self):
        name = self.present()[0][0]
        return self.bus.get_object(name, self.get("Menu"), introspect=False)

    def menu(self):
        menu = self.menu_object()
        _, (_, _, children) = menu.GetLayout(
            dbus.Int32(0), dbus.Int32(-1), dbus.Array([], signature="s"), dbus_interface=MENU
        )
        return [self.entry(child) for child in children]

    @staticmethod
    def entry(child):
        number, properties, _ = child
        return {
            "id": int(number),
            "label": str(properties.get("label", "")).replace("_", ""),
            "type": str(properties.get("toggle-type", properties.get("type", "standard"))),
            "enabled": bool(properties.get("enabled", True)),
            "checked": int(properties.get("toggle-state", 0)) == 1,
        }

    def click(self, number):
        self.menu_object().Event(
            dbus.Int32(number), "clicked", dbus.String("", variant_level=1), dbus.UInt32(0), dbus_interface=MENU
        )
        return {"clicked": int(number)}

    def activate(self):
        self.first().Activate(0, 0, dbus_interface=ITEM)
        return {"activated": True}


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    name = dbus.service.BusName(WATCHER, bus, do_not_queue=True)
    watcher = Watcher(bus, "--no-host" not in sys.argv)
    host = Host(bus, watcher)
    commands = {"items": host.items, "item": host.item, "menu": host.menu, "activate": host.activate}
    commands.update({"click": lambda number: host.click(int(number)), "icon": host.icon})
    loop = GLib.MainLoop()

    def on_line(source, _condition):
        words = source.readline().split()
        if not words:
            loop.quit()
            return False
        try:
            answer = {"ok": commands[words[0]](*words[1:])}
        except Exception as error:  # told to the test, which knows what it asked
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
        return True

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, on_line)
    print(json.dumps({"ok": name.get_name()}), flush=True)
    loop.run()


main()
