"""Chinese: no spaces, so its words are looked for anywhere in the text."""

from __future__ import annotations

from persona_graph.retrieval.languages.language import Language, Mark

CHINESE = Language(
    code="zh",
    spaced=False,
    stopwords=frozenset(
        """我 你 他 她 它 您 我们 你们 他们 她们 咱们 的 地 得 了 着 过 吗 呢 吧 啊 呀
        嘛 哦 是 在 和 与 跟 及 或 也 都 就 还 又 很 太 更 最 不 没 没有 有 这 那
        这个 那个 这些 那些 这里 那里 这样 那样 什么 怎么 怎样 怎么样 如何 为什么 为何 哪
        哪里 哪个 哪些 哪儿 谁 多少 几 何时 时候 什么时候 一 一个 一些 一下 一部 一本
        一种 个 些 把 被 让 给 对 对于 关于 从 到 向 于 以 因为 所以 但 但是 如果
        可以 能 能够 会 要 想 曾经 曾 已经 记得 还记得 当时 请 请问 告诉 之前 以前 的话
        我在 你在 其 它的 他的 她的 我的 你的 自己 是否""".split()
    ),
    weak=frozenset(
        """说 提到 提到过 提过 说过 聊 聊过 聊到 谈 谈到 讨论 分享 推荐 建议 觉得 认为 喜欢
        知道 名字 内容 东西 事情 事 问题 方面 去 去过 来 做 看 看过 天 这天 那天 今天
        次 叫 人 时间 一起""".split()
    ),
    first_person=frozenset("我 我们 咱们 咱".split()),
    second_person=frozenset("你 您 你们".split()),
    pleasantries=frozenset(
        "你还记得 你记得 你知道 还记得 请你告诉我 你能告诉我 请告诉我 告诉我 我想知道 请问 你好".split()
    ),
    answers={
        "什么时候": Mark.TIME,
        "何时": Mark.TIME,
        "几号": Mark.TIME,
        "哪天": Mark.TIME,
        "哪一天": Mark.TIME,
        "几月": Mark.TIME,
        "多久": Mark.TIME | Mark.NUMBER,
        "多少": Mark.NUMBER,
        "几个": Mark.NUMBER,
        "几次": Mark.NUMBER,
        "名字": Mark.NAME,
        "书": Mark.NAME,
        "电影": Mark.NAME,
        "叫什么": Mark.NAME,
    },
    months={
        "一月": 1,
        "二月": 2,
        "三月": 3,
        "四月": 4,
        "五月": 5,
        "六月": 6,
        "七月": 7,
        "八月": 8,
        "九月": 9,
        "十月": 10,
        "十一月": 11,
        "十二月": 12,
    },  # fmt: skip
    time_words=frozenset(
        """今天 昨天 前天 明天 后天 今晚 昨晚 上周 这周 本周 下周 上个月 这个月 下个月 去年
        今年 明年 周末 星期 周一 周二 周三 周四 周五 周六 周日 早上 上午 中午 下午 晚上
        最近 刚才 刚刚 春天 夏天 秋天 冬天 生日 假期""".split()
    ),
    relative_days={
        "今天": (0, 0),
        "昨天": (-1, -1),
        "前天": (-2, -2),
        "上周": (-13, -1),
        "上个星期": (-13, -1),
        "这周": (-6, 0),
        "本周": (-6, 0),
        "上个月": (-61, -1),
        "这个月": (-30, 0),
    },
    number_words=frozenset("两 三 四 五 六 七 八 九 十 百 千 万".split()),
)
