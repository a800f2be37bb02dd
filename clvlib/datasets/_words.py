"""The words of the simulated shop's catalogue, in English and in Chinese, and how they carry its tastes.

A product is a noun of a category, made in a style and a colour. Category and style place it in the space of tastes;
the colour says nothing, as much of a real product text does.
"""

import numpy as np
import pandas as pd

__all__ = ["LANGUAGES", "make_catalogue"]

_WORDS = {
    "en": {
        "kitchen": "teapot, frying pan, bread knife, mixing bowl, cutting board, spice jar, cake tin, ladle",
        "garden": "watering can, plant pot, pruning shears, bird feeder, lantern, herb planter, rake, seed box",
        "office": "notebook, desk lamp, fountain pen, pencil case, letter tray, wall calendar, stapler, globe",
        "sport": "yoga mat, water bottle, skipping rope, running belt, tennis bag, swim towel, dumbbell, helmet",
        "toys": "building blocks, jigsaw puzzle, toy train, kite, doll house, marble run, drum, spinning top",
        "fashion": "scarf, rain jacket, leather belt, wool hat, shoulder bag, socks, gloves, sunglasses",
        "beauty": "hand cream, hair brush, soap dish, bath salt, face towel, mirror, perfume, nail file",
        "travel": "suitcase, neck pillow, travel mug, luggage tag, toiletry bag, umbrella, map, backpack",
    },
    "zh": {
        "厨房": "茶壶, 平底锅, 面包刀, 搅拌碗, 砧板, 调料罐, 蛋糕模, 汤勺",
        "园艺": "洒水壶, 花盆, 修枝剪, 喂鸟器, 灯笼, 香草花箱, 耙子, 种子盒",
        "办公": "笔记本, 台灯, 钢笔, 笔袋, 文件盘, 挂历, 订书机, 地球仪",
        "运动": "瑜伽垫, 水壶, 跳绳, 跑步腰包, 网球包, 泳巾, 哑铃, 头盔",
        "玩具": "积木, 拼图, 玩具火车, 风筝, 娃娃屋, 弹珠轨道, 小鼓, 陀螺",
        "服饰": "围巾, 雨衣, 皮带, 毛线帽, 单肩包, 袜子, 手套, 太阳镜",
        "美妆": "护手霜, 发梳, 皂盒, 浴盐, 洗脸巾, 镜子, 香水, 指甲锉",
        "旅行": "行李箱, 颈枕, 旅行杯, 行李牌, 洗漱包, 雨伞, 地图, 双肩包",
    },
}
_STYLES = {
    "en": "classic, modern, rustic, handmade, vintage, minimalist",
    "zh": "经典, 现代, 田园, 手工, 复古, 极简",
}
_COLOURS = {
    "en": "white, black, red, blue, green, yellow, grey, pink, brown, orange",
    "zh": "白色, 黑色, 红色, 蓝色, 绿色, 黄色, 灰色, 粉色, 棕色, 橙色",
}
LANGUAGES = tuple(_WORDS)


def make_catalogue(*, n_items: int, n_factors: int, language: str, random_state: np.random.Generator) -> pd.DataFrame:
    """One row an item: ``item_text``, ``category``, ``list_price``, ``unit_cost``, ``popularity``, ``factor_1`` ...

    English words are set apart by spaces, Chinese ones are not. Beyond the 3,840 different texts an edition number
    is added, so that every text is one item's. ``popularity`` (log scale) and the factors are the truth about choice.

    >>> make_catalogue(n_items=2, n_factors=2, language="zh", random_state=np.random.default_rng(1))["item_text"][0]
    '复古黑色积木'
    """
    rng = random_state
    words = {category: nouns.split(", ") for category, nouns in _WORDS[language].items()}
    styles, colours = _STYLES[language].split(", "), _COLOURS[language].split(", ")
    nouns = [(category, noun) for category, of_category in words.items() for noun in of_category]
    space = "" if language == "zh" else " "

    # Sampling without repetition from all combinations, once around, then again with an edition number.
    n_texts = len(nouns) * len(styles) * len(colours)
    code = np.concatenate([rng.permutation(n_texts) for _ in range(-(-n_items // n_texts))])[:n_items]
    edition = np.arange(n_items) // n_texts
    which_noun, rest = np.divmod(code, len(styles) * len(colours))
    which_style, which_colour = np.divmod(rest, len(colours))
    text = [
        space.join([styles[s], colours[c], nouns[n][1]] + ([f"no. {e + 1}" if space else f"{e + 1}号"] if e else []))
        for n, s, c, e in zip(which_noun, which_style, which_colour, edition, strict=True)
    ]

    of_category = rng.normal(size=(len(words), n_factors))
    of_style = rng.normal(size=(len(styles), n_factors)) * 0.5
    which_category = np.repeat(np.arange(len(words)), [len(of) for of in words.values()])[which_noun]
    factors = of_category[which_category] + of_style[which_style] + rng.normal(size=(n_items, n_factors)) * 0.3
    price_of_category = rng.uniform(6.0, 30.0, size=len(words))
    list_price = np.round(price_of_category[which_category] * rng.gamma(8.0, 1 / 8.0, size=n_items), 2)
    catalogue = pd.DataFrame(
        {
            "item_text": pd.array(text, dtype="str"),
            "category": pd.array([nouns[n][0] for n in which_noun], dtype="str"),
            "list_price": np.maximum(list_price, 0.5),
            "unit_cost": np.maximum(np.round(list_price * rng.uniform(0.45, 0.75, size=n_items), 2), 0.2),
            "popularity": rng.normal(size=n_items) * 0.8,
        }
    )
    for i in range(n_factors):
        catalogue[f"factor_{i + 1}"] = factors[:, i]
    return catalogue
