import JsSIP from "jssip";
import * as SIP from "sip.js";
import { JssipPhone } from "./jssip.js";
import { SipjsPhone } from "./sipjs.js";
import { tapWebSockets, wire } from "./record.js";

tapWebSockets();
window.wire = wire;
// as in a page that takes them from a script element
window.JsSIP = JsSIP;
window.SIP = SIP;

window.makePhone = (options) => {
  window.phone = options.library === "sipjs" ? new SipjsPhone(options) : new JssipPhone(options);
  window.phone.start();
};
