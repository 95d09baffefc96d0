// Times are sent in UTC and shown in the viewer's zone: <time datetime="..." data-time="clock|date|ago">.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const date = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export function ago(seconds) {
  if (seconds < 1.5) return "now";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

function sayAgo(element) {
  element.textContent = ago((Date.now() - Date.parse(element.dateTime)) / 1000);
}

export function localTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (element.dataset.time === "ago") sayAgo(element);
    else element.textContent = (element.dataset.time === "clock" ? clock : date).format(at);
    element.title = `${date.format(at)} ${zone}`;
  }
}

setInterval(() => document.querySelectorAll('time[data-time="ago"]').forEach(sayAgo), 1000);
